import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const typeAware = { parser: tseslint.parser, parserOptions: { project: ['./tsconfig.json'] } };

export default defineConfig(
  { ignores: ['**/dist', 'coverage', '.data', '**/*.cjs', '**/page/uplot.js'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: typeAware,
    rules: {
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Passing on what was caught is no choice of ours.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Nest declares its options as classes and expects object literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // The compiler asks for it after every index whose bounds the loop has just checked.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // `string | Duration` tells the reader, and the editor's completion, more than `string`.
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      // It forgets that a field may change during an await, and trusts types at boundaries where we check on purpose.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // A contract that is asynchronous for others may have nothing to wait for here.
      '@typescript-eslint/require-await': 'off',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'List every exported name: a star hides what is public.' },
      ],
    },
  },
  {
    files: ['*.config.ts', '**/*.d.ts'],
    rules: { 'no-restricted-exports': 'off' },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: {
      globals: Object.fromEntries(Object.getOwnPropertyNames(globalThis).map((name) => [name, 'readonly'])),
    },
  },
  {
    files: ['scripts/**/*.mjs', 'test/**/*.mjs', 'bench/**/*.mjs'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: typeAware,
    rules: { '@typescript-eslint/no-floating-promises': 'error' },
  },
  {
    // Tests hand wrong values in on purpose and read answers that have no type.
    files: ['**/*.spec.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // The compiler knows what a browser has.
    files: ['libs/*/page/*.js', 'apps/demo-page/*.js'],
    rules: { 'no-undef': 'off' },
  },
  prettier,
);
