import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthzModule } from '../authz/authz.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccessGuard } from './access.guard.js';
import { AuthController } from './auth.controller.js';
import { AuthService } from './auth.service.js';
import { SessionRepository } from './session.repository.js';

@Module({
  imports: [AuthzModule, UsersModule],
  controllers: [AuthController],
  providers: [AuthService, SessionRepository, { provide: APP_GUARD, useClass: AccessGuard }],
})
export class AuthModule {}
