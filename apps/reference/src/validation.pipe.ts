import { BadRequestException, ValidationPipe, type ValidationError } from '@nestjs/common';

export interface InvalidField {
  field: string;
  reason: string;
}

export function invalidInput(errors: InvalidField[]): BadRequestException {
  return new BadRequestException({ statusCode: 400, message: 'Invalid input', errors });
}

/** Refuses wrong and unknown fields with 400 and `errors: [{ field, reason }]`, all of them at once. */
export function createValidationPipe(): ValidationPipe {
  return new ValidationPipe({
    transform: true,
    whitelist: true,
    forbidNonWhitelisted: true,
    exceptionFactory: (errors) => invalidInput(errors.flatMap((error) => fieldsOf(error, ''))),
  });
}

function fieldsOf(error: ValidationError, prefix: string): InvalidField[] {
  const field = `${prefix}${error.property}`;
  const own = Object.values(error.constraints ?? {}).map((reason) => ({ field, reason }));
  return [...own, ...(error.children ?? []).flatMap((child) => fieldsOf(child, `${field}.`))];
}
