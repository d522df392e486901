import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { CsrfGuard, HttpCacheInterceptor, SessionGuard, SessionInterceptor } from 'nestjs-rcache';
import { AuthzModule } from '../authz/authz.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccessGuard } from './access.guard.js';
import { AuthController } from './auth.controller.js';
import { AuthService } from './auth.service.js';
import { DevicesController } from './devices.controller.js';
import { LoginThrottle } from './login-throttle.js';
import { TooManyAttemptsFilter } from './too-many-attempts.js';

@Module({
  imports: [AuthzModule, UsersModule],
  controllers: [AuthController, DevicesController],
  providers: [
    AuthService,
    LoginThrottle,
    // In this order: from where, who, and whether that user may.
    { provide: APP_GUARD, useClass: CsrfGuard },
    { provide: APP_GUARD, useClass: SessionGuard },
    { provide: APP_GUARD, useClass: AccessGuard },
    // The first sees the final answer, and spares the others a hit.
    { provide: APP_INTERCEPTOR, useClass: HttpCacheInterceptor },
    { provide: APP_INTERCEPTOR, useClass: SessionInterceptor },
    { provide: APP_FILTER, useClass: TooManyAttemptsFilter },
  ],
})
export class AuthModule {}
