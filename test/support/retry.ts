// Tests that wait for seconds lose them on a machine that others use, too. Where nobody watches, a test that fails is tried
// once more; what it said the first time is printed.
if (process.env.CI) jest.retryTimes(1, { logErrorsBeforeRetry: true });
