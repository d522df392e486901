import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { BASELINES, EVIDENCE_KINDS, type Baseline } from '../database/schema.js';

/** A control as an organisation applies it: its own decision where there is one, else the default. */
export class Rule {
  @ApiProperty({ example: 'AC-2.1' })
  controlId!: string;

  @ApiProperty({ example: 'AC' })
  family!: string;

  @ApiProperty({ example: 'Automated System Account Management' })
  title!: string;

  @ApiProperty({ description: 'How much it counts in a score.' })
  weight!: number;

  @ApiProperty({ description: 'How many kinds of accepted evidence it needs.' })
  requiredKinds!: number;

  @ApiProperty({ description: 'Older evidence counts as expired.' })
  maxAgeDays!: number;

  @ApiProperty()
  applicable!: boolean;

  @ApiProperty({ description: 'Whether the organisation decided about it.' })
  overridden!: boolean;

  @ApiProperty({ type: String, nullable: true })
  note!: string | null;
}

export class RuleWithStatement extends Rule {
  @ApiProperty({ enum: BASELINES, isArray: true })
  baselines!: Baseline[];

  @ApiProperty()
  statement!: string;
}

export class RuleQuery {
  @ApiProperty({ enum: BASELINES, required: false, description: "Left out: the organisation's own." })
  @IsOptional()
  @IsIn(BASELINES)
  baseline?: Baseline;
}

export class RuleOverride {
  @ApiProperty()
  @IsBoolean()
  applicable!: boolean;

  @ApiProperty({ required: false, minimum: 1, maximum: EVIDENCE_KINDS.length, description: 'Left out: the default.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(EVIDENCE_KINDS.length)
  requiredKinds?: number;

  @ApiProperty({ required: false, minimum: 1, maximum: 3650, description: 'Left out: the default.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(3650)
  maxAgeDays?: number;

  @ApiProperty({ required: false, maxLength: 500 })
  @IsOptional()
  @IsString()
  @Length(0, 500)
  note?: string;
}
