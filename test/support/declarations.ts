import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './pages.js';

const SRC = join(ROOT, 'libs/redis-cache/src');

const statements = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
  .flatMap((file) => [
    ...ts.createSourceFile(file, readFileSync(join(SRC, file), 'utf8'), ts.ScriptTarget.Latest, true).statements,
  ]);

/**
 * What a user can write of declarations of the library: the fields of an interface, the public members of a class, the
 * members of a union of texts. Inherited ones are left out; one that several of them have is named once.
 */
export function membersOf(...names: string[]): string[] {
  return [...new Set(names.flatMap(ownMembersOf))];
}

function ownMembersOf(name: string): string[] {
  const found = statements.find((node) => 'name' in node && (node.name as ts.Node | undefined)?.getText() === name);
  if (found === undefined) throw new Error(`The library declares no ${name}.`);
  if (ts.isInterfaceDeclaration(found)) return found.members.map(nameOf);
  if (ts.isClassDeclaration(found)) return found.members.filter(isPublic).map(nameOf);
  if (ts.isTypeAliasDeclaration(found)) return literalsOf(found.type);
  throw new Error(`${name} is neither an interface nor a class nor a type.`);
}

export interface PublicName {
  name: string;
  isType: boolean;
}

/** The names a file of the library exports, in a list or where they are declared. */
export function publicNames(file = 'index.ts'): PublicName[] {
  const source = ts.createSourceFile(file, readFileSync(join(SRC, file), 'utf8'), ts.ScriptTarget.Latest, true);
  return source.statements.flatMap((node): PublicName[] => {
    if (ts.isExportDeclaration(node) && node.exportClause && ts.isNamedExports(node.exportClause)) {
      const { elements } = node.exportClause;
      return elements.map(({ name, isTypeOnly }) => ({ name: name.text, isType: isTypeOnly || node.isTypeOnly }));
    }
    if (!ts.canHaveModifiers(node) || !node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword))
      return [];
    const isType = ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node);
    const declared = ts.isVariableStatement(node) ? [...node.declarationList.declarations] : [node as ts.Declaration];
    return declared.map((each) => ({ name: ts.getNameOfDeclaration(each)?.getText() ?? '', isType }));
  });
}

function literalsOf(type: ts.TypeNode): string[] {
  if (!ts.isUnionTypeNode(type)) throw new Error(`${type.getText()} is not a union.`);
  return type.types.map((each) => each.getText().replace(/^'|'$/g, ''));
}

function isPublic(member: ts.ClassElement): boolean {
  if (ts.isConstructorDeclaration(member) || member.name === undefined || ts.isPrivateIdentifier(member.name)) {
    return false;
  }
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return (ts.getCombinedModifierFlags(member) & hidden) === 0;
}

function nameOf(member: ts.TypeElement | ts.ClassElement): string {
  return (member.name as ts.PropertyName).getText().replace(/^'|'$/g, '');
}
