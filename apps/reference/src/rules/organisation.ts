import { ApiProperty } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { BASELINES, type Baseline } from '../database/schema.js';

export class BaselineChoice {
  @ApiProperty({ enum: BASELINES, description: 'The controls that apply where no other baseline is asked for.' })
  @IsIn(BASELINES)
  baseline!: Baseline;
}

export class Organisation extends BaselineChoice {
  @ApiProperty()
  id!: number;

  @ApiProperty()
  name!: string;

  @ApiProperty({ example: 'Europe/Kyiv' })
  timeZone!: string;
}
