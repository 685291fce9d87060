/** After the compiler: the schema of the configuration file, as `check-config --schema` prints it, for editors. */

import { writeFileSync } from 'node:fs';
import { configSchema } from '../dist/config/config-schema.js';

const PATH = new URL('../dist/config.schema.json', import.meta.url);
writeFileSync(PATH, `${JSON.stringify(configSchema(), null, 2)}\n`);
