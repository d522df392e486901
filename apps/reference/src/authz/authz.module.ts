import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { AuthzController } from './authz.controller.js';
import { AuthzRepository } from './authz.repository.js';
import { AuthzService } from './authz.service.js';

@Module({
  imports: [UsersModule],
  controllers: [AuthzController],
  providers: [AuthzRepository, AuthzService],
  exports: [AuthzService],
})
export class AuthzModule {}
