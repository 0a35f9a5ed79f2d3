import facevault from './index.js';

export const { Engine, FacevaultError, Vault, hasEncryption, rekey, setup, version } = facevault;
export default facevault;
