import { createApp } from './app.js';
import { readEnvironment } from './environment.js';

const app = await createApp();
app.enableShutdownHooks();
const { PORT, HOST } = readEnvironment(process.env);
await app.listen(PORT, HOST);
