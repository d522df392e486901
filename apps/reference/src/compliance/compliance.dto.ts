import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsISO8601, IsString, Length, Matches } from 'class-validator';
import {
  BASELINES,
  EVIDENCE_KINDS,
  EVIDENCE_STATUSES,
  type Baseline,
  type EvidenceKind,
  type EvidenceStatus,
} from '../database/schema.js';

const DAY = /^\d{4}-\d{2}-\d{2}$/;

export class FamilyCompliance {
  @ApiProperty({ example: 'AC' })
  family!: string;

  @ApiProperty({ description: 'Controls with all the evidence their rule needs.' })
  compliant!: number;

  @ApiProperty({ description: 'Controls with some of it.' })
  partial!: number;

  @ApiProperty({ description: 'Controls with none.' })
  missing!: number;

  @ApiProperty({ description: 'Weighted share of the needed evidence, 0 to 100.' })
  score!: number;
}

export class ScoreOnDay {
  @ApiProperty({ format: 'date' })
  day!: string;

  @ApiProperty({ description: '0 to 100.' })
  score!: number;
}

export class ComplianceSummary {
  @ApiProperty()
  productId!: number;

  @ApiProperty({ enum: BASELINES })
  baseline!: Baseline;

  @ApiProperty({ description: 'Weighted share of the needed evidence today, 0 to 100.' })
  score!: number;

  @ApiProperty({ type: [FamilyCompliance] })
  families!: FamilyCompliance[];

  @ApiProperty({ type: [ScoreOnDay], description: 'The ends of the last eleven months, and today (UTC).' })
  trend!: ScoreOnDay[];
}

export class Finding {
  @ApiProperty({ example: 'AC-2.1' })
  controlId!: string;

  @ApiProperty()
  passed!: boolean;

  @ApiProperty({ type: [String], description: 'What keeps the control from passing; empty when it passes.' })
  problems!: string[];
}

export class ValidationResult {
  @ApiProperty()
  productId!: number;

  @ApiProperty({ enum: BASELINES })
  baseline!: Baseline;

  @ApiProperty()
  passed!: number;

  @ApiProperty()
  failed!: number;

  @ApiProperty({ type: [Finding] })
  findings!: Finding[];
}

export class EvidenceDocument {
  @ApiProperty({ enum: EVIDENCE_KINDS })
  @IsIn(EVIDENCE_KINDS)
  kind!: EvidenceKind;

  @ApiProperty({ enum: EVIDENCE_STATUSES })
  @IsIn(EVIDENCE_STATUSES)
  status!: EvidenceStatus;

  @ApiProperty({ example: 'Review of all accounts' })
  @IsString()
  @Length(1, 200)
  title!: string;

  @ApiProperty({ format: 'date', example: '2026-11-01' })
  @IsISO8601({ strict: true })
  @Matches(DAY, { message: '$property must be a date like 2026-11-01' })
  issuedOn!: string;

  @ApiProperty({ format: 'date', example: '2027-05-01', description: 'The first day on which it no longer counts.' })
  @IsISO8601({ strict: true })
  @Matches(DAY, { message: '$property must be a date like 2026-11-01' })
  expiresOn!: string;
}

export class StoredEvidence extends EvidenceDocument {
  @ApiProperty()
  productId!: number;

  @ApiProperty()
  controlId!: string;
}
