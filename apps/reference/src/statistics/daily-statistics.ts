import { ApiProperty } from '@nestjs/swagger';
import { ACTIVITY_KINDS, type ActivityKind } from '../database/schema.js';

export class DailyStatistics {
  @ApiProperty()
  orgId!: number;

  @ApiProperty({ example: 'Europe/Kyiv' })
  timeZone!: string;

  @ApiProperty({ format: 'date', description: 'Today in that time zone.' })
  day!: string;

  @ApiProperty()
  events!: number;

  @ApiProperty()
  activeUsers!: number;

  @ApiProperty({ example: Object.fromEntries(ACTIVITY_KINDS.map((kind) => [kind, 12])) })
  byKind!: Record<ActivityKind, number>;

  @ApiProperty({ type: [Number], description: 'Events in each of the 24 hours of the day.' })
  byHour!: number[];
}
