import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ADMIN_HEADER } from './admin-header.js';

/**
 * What an OpenAPI document says of the admin API: the metadata that decorators of `@nestjs/swagger` would set, so that
 * nobody needs that package who has no such document. Names are those of its `DECORATORS`.
 */
export const InOpenApi = (): ClassDecorator => SetMetadata('swagger/apiUseTags', ['cache admin']);

/** Leaves a route out. */
export const NotInOpenApi = (): MethodDecorator => SetMetadata('swagger/apiExcludeEndpoint', { disable: true });

/** @param fields of the body, all text, with what they hold; none for a route without a body */
export function Described(summary: string, fields?: Readonly<Record<string, string>>): MethodDecorator {
  const operation = SetMetadata('swagger/apiOperation', { summary });
  if (fields === undefined) return operation;
  const properties = Object.fromEntries(
    Object.entries(fields).map(([name, description]) => [name, { type: 'string', description }]),
  );
  const body = { in: 'body', name: 'body', type: String, required: true, schema: { type: 'object', properties } };
  const header = { in: 'header', name: ADMIN_HEADER, required: true, schema: { type: 'string', default: '1' } };
  return applyDecorators(operation, SetMetadata('swagger/apiParameters', [body, header]));
}
