import { createApp } from './app.js';
import { readEnvironment } from './environment.js';

const app = await createApp();
app.enableShutdownHooks();
await app.listen(readEnvironment(process.env).PORT);
