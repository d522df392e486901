import {
  Body,
  Controller,
  ForbiddenException,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  ParseIntPipe,
  Post,
  UnauthorizedException,
} from '@nestjs/common';
import { CurrentSession, CurrentUserId, Public, type RequestSession } from 'nestjs-rcache';
import { Pool } from 'pg';
import { PermissionsService } from './permissions.service.js';
import { ProductsService, type Product } from './products.service.js';
import { type Rule, RulesService } from './rules.service.js';

export interface Compliance {
  product: Product;
  rules: Rule[];
}

@Controller()
export class ComplianceController {
  constructor(
    private readonly db: Pool,
    private readonly permissions: PermissionsService,
    private readonly products: ProductsService,
    private readonly rules: RulesService,
  ) {}

  /** Your login checks the password first. */
  @Public()
  @Post('login')
  @HttpCode(204)
  async login(@CurrentSession() session: RequestSession<object>, @Body() { email }: { email: string }): Promise<void> {
    const { rows } = await this.db.query<{ id: number }>('select id from users where email = $1', [email]);
    if (rows[0] === undefined) throw new UnauthorizedException();
    await session.login(String(rows[0].id), {});
  }

  @Get('products/:id/compliance')
  async compliance(@CurrentUserId() userId: string, @Param('id', ParseIntPipe) id: number): Promise<Compliance> {
    const permissions = await this.permissions.of(Number(userId));
    if (!permissions.includes('compliance:read')) throw new ForbiddenException();
    const product = await this.products.find(id);
    if (product === undefined) throw new NotFoundException(`Product ${id} does not exist`);
    return { product, rules: await this.rules.ofProduct(product) };
  }
}
