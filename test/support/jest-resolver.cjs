// Sources import './x.js' as ESM demands, while the file on disk is './x.ts'. Asking for the real file first
// keeps node_modules out of it.
module.exports = (request, options) => {
  try {
    return options.defaultResolver(request, options);
  } catch (error) {
    if (!/^\.{1,2}\/.*\.js$/.test(request)) throw error;
    return options.defaultResolver(request.replace(/\.js$/, '.ts'), options);
  }
};
