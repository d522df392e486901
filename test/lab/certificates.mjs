// @ts-check
import { generate } from 'selfsigned';

/**
 * What proves an end of a connection to the other, as PEM: options of `tls.connect` and of a TLS server alike.
 * @typedef {{ ca: string, cert: string, key: string }} Certificate
 */

/**
 * A certificate authority nobody else trusts.
 * @typedef {object} Authority
 * @property {string} ca its own certificate, as PEM
 * @property {(name: string) => Promise<Certificate>} issue for a server on the loopback interface, or a client
 */

/** @returns {Promise<Authority>} */
export async function newAuthority() {
  const authority = await generate(subject('rcache lab'), {
    ...KEY,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  return {
    ca: authority.cert,
    issue: async (name) => {
      const issued = await generate(subject(name), {
        ...KEY,
        ca: { key: authority.private, cert: authority.cert },
        extensions: [
          { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
          {
            name: 'subjectAltName',
            altNames: [
              { type: 2, value: 'localhost' },
              { type: 7, ip: '127.0.0.1' },
            ],
          },
        ],
      });
      return { ca: authority.cert, cert: issued.cert, key: issued.private };
    },
  };
}

/** @type {{ keyType: 'ec', algorithm: string }} */
const KEY = { keyType: 'ec', algorithm: 'sha256' };

/** @param {string} commonName */
function subject(commonName) {
  return [{ name: 'commonName', value: commonName }];
}
