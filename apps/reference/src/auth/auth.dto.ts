import { ApiProperty } from '@nestjs/swagger';
import { IsEmail, IsString, Length, Matches } from 'class-validator';

const MAX_PASSWORD_LENGTH = 200;
/** Where a password is all that is asked for (NIST SP 800-63B-4, 3.1.1). */
const MIN_PASSWORD_LENGTH = 15;

export class Credentials {
  @ApiProperty({ example: 'user1@org1.example' })
  @IsEmail()
  email!: string;

  @ApiProperty({ example: 'comply-demo' })
  @IsString()
  @Length(1, MAX_PASSWORD_LENGTH)
  password!: string;
}

export class LoginResult {
  @ApiProperty()
  userId!: number;

  @ApiProperty()
  orgId!: number;
}

export class PasswordChange {
  @ApiProperty({ example: 'comply-demo' })
  @IsString()
  @Length(1, MAX_PASSWORD_LENGTH)
  currentPassword!: string;

  @ApiProperty({ minLength: MIN_PASSWORD_LENGTH, maxLength: MAX_PASSWORD_LENGTH })
  @IsString()
  @Length(MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH)
  newPassword!: string;
}

export class Device {
  @ApiProperty({ description: 'To end it with. It opens nothing.' })
  handle!: string;

  @ApiProperty({ description: 'Whether this request belongs to it.' })
  isCurrent!: boolean;

  @ApiProperty()
  createdAt!: Date;

  @ApiProperty()
  lastSeenAt!: Date;

  @ApiProperty({ description: 'It ends then at the latest.' })
  expiresAt!: Date;

  @ApiProperty({ type: String, nullable: true })
  ip!: string | null;

  @ApiProperty({ type: String, nullable: true })
  userAgent!: string | null;
}

export class DeviceParam {
  @ApiProperty({ example: '2h2m0-1eYAxZ9Vn8yq3Lw7bTQKfUjX5cRsGdPvNzHiA' })
  @Matches(/^[\w-]{43}$/, { message: '$property must be a handle of GET /me/sessions' })
  handle!: string;
}

export class EndedSessions {
  @ApiProperty({ description: 'How many sessions there were.' })
  ended!: number;
}
