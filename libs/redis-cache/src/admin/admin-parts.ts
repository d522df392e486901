import type { ModuleMetadata } from '@nestjs/common';
import { ADMIN_OPTIONS } from '../tokens.js';
import type { ResolvedAdminOptions } from './admin-options.js';
import { createAdminController } from './admin.controller.js';
import { AdminService } from './admin.service.js';
import { TrailingSlash } from './trailing-slash.js';

/** What the module takes in for the admin page; nothing without options. */
export function adminParts(
  options: ResolvedAdminOptions | undefined,
): Required<Pick<ModuleMetadata, 'imports' | 'controllers' | 'providers'>> {
  if (options === undefined) return { imports: [], controllers: [], providers: [] };
  return {
    imports: options.imports ?? [],
    controllers: [createAdminController(options)],
    providers: [{ provide: ADMIN_OPTIONS, useValue: options }, AdminService, TrailingSlash],
  };
}
