import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsInt, IsLocale, Max, Min } from 'class-validator';
import { DIGESTS, THEMES } from '../database/schema.js';

export class User {
  @ApiProperty()
  id!: number;

  @ApiProperty()
  orgId!: number;

  @ApiProperty()
  email!: string;

  @ApiProperty()
  name!: string;

  @ApiProperty()
  title!: string;
}

export class Preferences {
  @ApiProperty({ example: 'uk-UA' })
  @IsLocale()
  locale!: string;

  @ApiProperty({ enum: THEMES })
  @IsIn(THEMES)
  theme!: (typeof THEMES)[number];

  @ApiProperty({ enum: DIGESTS, description: 'How often a summary is sent by mail.' })
  @IsIn(DIGESTS)
  digest!: (typeof DIGESTS)[number];

  @ApiProperty({ minimum: 10, maximum: 200 })
  @IsInt()
  @Min(10)
  @Max(200)
  pageSize!: number;
}

export const DEFAULT_PREFERENCES: Preferences = { locale: 'en-GB', theme: 'system', digest: 'weekly', pageSize: 50 };
