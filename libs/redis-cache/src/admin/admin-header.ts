/** Only a script of the same origin can send it without asking first. */
export const ADMIN_HEADER = 'x-rcache-admin';
