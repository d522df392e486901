import { ApiProperty } from '@nestjs/swagger';
import { IsEmail, IsString, Length } from 'class-validator';

export class Credentials {
  @ApiProperty({ example: 'user1@org1.example' })
  @IsEmail()
  email!: string;

  @ApiProperty({ example: 'comply-demo' })
  @IsString()
  @Length(1, 200)
  password!: string;
}

export class LoginResult {
  @ApiProperty({ description: 'For clients without cookies: `Authorization: Bearer <token>`.' })
  token!: string;

  @ApiProperty({ format: 'date-time' })
  expiresAt!: string;

  @ApiProperty()
  userId!: number;

  @ApiProperty()
  orgId!: number;
}
