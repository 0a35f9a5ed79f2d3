import facevault from './index.js';

export const { Engine, FacevaultError, Vault, setup, version } = facevault;
export default facevault;
