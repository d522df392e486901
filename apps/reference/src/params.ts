import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, Matches, Max, Min } from 'class-validator';

/** The largest value of a PostgreSQL integer; anything above would be an error of the server instead of a 404. */
export const MAX_ID = 2_147_483_647;

export class IdParam {
  @ApiProperty({ minimum: 1, example: 1 })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(MAX_ID)
  id!: number;
}

export class ControlParam extends IdParam {
  @ApiProperty({ example: 'AC-2.1', description: 'Enhancement 1 of control AC-2 is AC-2.1.' })
  @Matches(/^[A-Z]{2}-\d{1,2}(\.\d{1,2})?$/, { message: '$property must look like AC-2 or AC-2.1' })
  controlId!: string;
}
