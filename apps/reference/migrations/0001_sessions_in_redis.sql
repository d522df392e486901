DROP TABLE "sessions" CASCADE;--> statement-breakpoint
-- Password hashes say from now on how they were made; what is weaker than today is made anew at the next login.
UPDATE "users" SET "password_hash" = '$scrypt$ln=14,r=8,p=1$' || replace("password_hash", '.', '$');
