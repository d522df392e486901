import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayUnique, IsArray, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { IdParam, MAX_ID } from '../params.js';
import { Type } from 'class-transformer';

const PERMISSION = /^[a-z.]+:[a-z]+$/;
const EXAMPLE = 'ac.evidence:write';

export class Role {
  @ApiProperty()
  id!: number;

  @ApiProperty()
  orgId!: number;

  @ApiProperty()
  name!: string;
}

export class RoleWithPermissions extends Role {
  @ApiProperty({ description: 'Its own, without those of the roles it includes.' })
  permissions!: string[];
}

export class EffectivePermission {
  @ApiProperty({ example: EXAMPLE })
  permission!: string;

  @ApiProperty({ type: [Number], nullable: true, description: 'Null: every product of the organisation.' })
  productIds!: number[] | null;
}

export class UserPermissions {
  @ApiProperty()
  userId!: number;

  @ApiProperty({ type: [Role], description: 'Granted to the user directly.' })
  roles!: Role[];

  @ApiProperty({ type: [EffectivePermission], description: 'Through groups and included roles, too.' })
  permissions!: EffectivePermission[];
}

export class PermissionQuestion {
  @ApiProperty({ example: 57 })
  @IsInt()
  @Min(1)
  @Max(MAX_ID)
  userId!: number;

  @ApiProperty({ example: EXAMPLE })
  @Matches(PERMISSION, { message: '$property must look like users:read or ac.evidence:write' })
  permission!: string;

  @ApiProperty({ required: false, description: 'Left out: on every product of the organisation.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_ID)
  productId?: number;
}

export class PermissionAnswer {
  @ApiProperty()
  allowed!: boolean;
}

export class UserRoleParam extends IdParam {
  @ApiProperty({ minimum: 1 })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(MAX_ID)
  roleId!: number;
}

export class RoleChange {
  @ApiProperty({ type: [String], example: [EXAMPLE], description: 'Replaces all permissions of the role.' })
  @IsArray()
  @ArrayMaxSize(500)
  @ArrayUnique()
  @Matches(PERMISSION, { each: true, message: 'each of $property must look like users:read or ac.evidence:write' })
  permissions!: string[];
}
