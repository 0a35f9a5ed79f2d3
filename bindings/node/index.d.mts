export * from './index.js';
import * as facevault from './index.js';
export default facevault;
