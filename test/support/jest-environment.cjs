// Jest's workers outlive a killed Jest for as long as their test runs, and so would the servers of that test. This file
// runs in the worker itself, outside the sandbox whose `process` is a copy. Polling, because a listener for the
// disconnection would keep a worker alive that has nothing left to do.
const { TestEnvironment } = require('jest-environment-node');

const POLL_MS = 200;

if (process.connected) {
  setInterval(() => {
    if (!process.connected) process.exit();
  }, POLL_MS).unref();
}

/** Tells a spec on which topology it runs; see `testConnection`. */
module.exports = class extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    this.global.testTopology = config.projectConfig.testEnvironmentOptions.topology;
  }
};
