// Jest's workers outlive a killed Jest for as long as their test runs, and so would the servers of that test. This file
// runs in the worker itself, outside the sandbox whose `process` is a copy.
const { TestEnvironment } = require('jest-environment-node');

process.once('disconnect', () => process.exit());

module.exports = TestEnvironment;
