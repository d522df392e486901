// Jest's own loader cannot require an ES module below Node 24.9, and CommonJS packages (nestjs-prometheus) do
// require ESM ones (@nestjs/common). So in tests everything runs as CommonJS: ESM sources, ours and those of
// node_modules, are compiled on the way in. The built package is proven as real ESM by scripts/check-package.mjs.
const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { createTransformer } = require('@swc/jest');

const swc = createTransformer({
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    keepClassNames: true,
    target: 'es2022',
  },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
});

const typeByFolder = new Map();

/** The "type" of the nearest package.json, which decides what a plain `.js` file is. */
function packageType(folder) {
  let type = typeByFolder.get(folder);
  if (type === undefined) {
    type = readPackageType(folder) ?? (dirname(folder) === folder ? 'commonjs' : packageType(dirname(folder)));
    typeByFolder.set(folder, type);
  }
  return type;
}

function readPackageType(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).type ?? 'commonjs';
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isEsModule(path) {
  if (/\.(ts|mts|mjs)$/.test(path)) return true;
  return path.endsWith('.js') && packageType(dirname(path)) === 'module';
}

module.exports = {
  canInstrument: swc.canInstrument,
  getCacheKey: (source, path, options) => swc.getCacheKey(source, path, options) + (isEsModule(path) ? 'esm' : 'cjs'),
  process: (source, path, options) => (isEsModule(path) ? swc.process(source, path, options) : { code: source }),
};
