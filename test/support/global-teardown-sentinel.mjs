export default () => globalThis.stopTestSentinel();
