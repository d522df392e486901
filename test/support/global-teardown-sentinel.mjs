import { stopSharedLab } from './shared-lab.mjs';

export default () => stopSharedLab('sentinel');
