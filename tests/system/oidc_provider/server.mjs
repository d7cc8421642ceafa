// An OpenID-certified issuer on loopback, for one test: npm oidc-provider.
//
//   ACCESS_TTL=2 node server.mjs    seconds that an access token lives, 2 to 3600
//   DEVICE_TTL=4                 seconds that a device code is good for
//   DPOP_NONCE=1 node server.mjs    its nonce is wanted in every proof (RFC 9449)
//   ID_TOKEN_TTL=20                 seconds that an ID token lives
//   CLIENT_DOCUMENTS=yes            client ids may be URLs of metadata documents
//
// Prints one JSON line when it is ready, {"issuer": …}, then one for each answer of
// its token endpoint, {"grant_type": …, "access_token": …, "refresh_token": …}: the
// test hunts for them where they must not be. Likewise for clients that register,
// {"registered": ID, "registration_access_token": …}, and {"deleted": ID}. It forgets
// all at its end. SIGUSR2 takes it off the network, or puts it back. SIGHUP exchanges the
// key that it signs with, {"signs_with": KID}; the one before is published no more.
// Its sign-in pages take any name with any password.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider, errors } from 'oidc-provider';
// Not exported, and one for each Provider unless it is named: what was given must outlive
// a change of keys.
import MemoryAdapter from './node_modules/oidc-provider/lib/adapters/memory_adapter.js';

// Standard output is for those lines alone: the library's own notices go elsewhere.
console.info = console.error;

const accessSeconds = Number(process.env.ACCESS_TTL ?? 3600);
if (!(accessSeconds >= 2 && accessSeconds <= 3600)) {
  throw new RangeError(`ACCESS_TTL must be 2 to 3600, not ${process.env.ACCESS_TTL}`);
}

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const DAY = 24 * 3600;

// A native application of a person's: no secret, any loopback port, PKCE.
const nativeClient = {
  client_id: 'native-app',
  client_name: 'The native app',
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  redirect_uris: ['http://127.0.0.1/', 'http://[::1]/', 'http://localhost/'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};

// One that has no browser (RFC 8628).
const deviceClient = {
  client_id: 'television',
  client_name: 'The television',
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  redirect_uris: [],
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
  response_types: [],
};

// One that may have bound tokens only (RFC 9449 section 5.2).
const boundClient = {
  ...nativeClient,
  client_id: 'bound-app',
  dpop_bound_access_tokens: true,
};

// One that shows a person's token for one of its own (RFC 8693).
const exchangingClient = {
  client_id: 'gateway',
  client_secret: 'gateway-secret',
  redirect_uris: [],
  grant_types: ['urn:ietf:params:oauth:grant-type:token-exchange'],
  response_types: [],
};

// Whoever protects an API asks about other clients' tokens (RFC 7662).
const inspectingClient = {
  client_id: 'inspector',
  client_secret: 'inspector-secret',
  redirect_uris: [],
  grant_types: ['client_credentials'],
  response_types: [],
};

// A new key, and nothing else: what it has given lies beside it, and stands.
function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomBytes(8).toString('hex');
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

const configuration = {
  adapter: class extends MemoryAdapter {},
  clients: [nativeClient, boundClient, deviceClient, exchangingClient, inspectingClient],
  scopes: ['openid', 'offline_access', 'files:read', 'files:write'],
  claims: { openid: ['sub'], email: ['email'] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  // Its own asks nobody at a loopback address, where the documents of the tests lie.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  findAccount: async (context, sub) => ({
    accountId: sub,
    claims: async () => ({ sub, email: `${sub}@example.test` }),
  }),
  ttl: {
    AccessToken: accessSeconds,
    AuthorizationCode: 60,
    ClientCredentials: 600,
    DeviceCode: Number(process.env.DEVICE_TTL ?? 600),
    Grant: DAY,
    IdToken: Number(process.env.ID_TOKEN_TTL ?? 3600),
    Interaction: 600,
    RefreshToken: DAY,
    Session: DAY,
  },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    dPoP: {
      enabled: true,
      nonceSecret: randomBytes(32),
      requireNonce: () => process.env.DPOP_NONCE === '1',
    },
    introspection: { enabled: true },
    // A client id may be the URL of a document.
    clientIdMetadataDocument: {
      enabled: process.env.CLIENT_DOCUMENTS === 'yes',
      ack: 'draft-02',
    },
    // Anyone may register a client, look at it and delete it (RFC 7591, RFC 7592).
    registration: { enabled: true },
    registrationManagement: { enabled: true },
    // Every protected resource on this machine is known (RFC 8707).
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: async (context, resource) => ({
        scope: 'tools:call tools:admin',
        audience: resource,
        accessTokenTTL: accessSeconds,
        accessTokenFormat: 'opaque',
      }),
      useGrantedResource: async () => true,
    },
    revocation: { enabled: true },
  },
};

// Token exchange, as the library lets one add what it does not know itself. All that it
// has of its own stays in force: who the client is, which tokens live, and for how long.
const TYPES = 'urn:ietf:params:oauth:token-type:';

async function exchange(provider, context) {
  const { client, params } = context.oidc;
  if (params.subject_token_type !== `${TYPES}access_token`) {
    throw new errors.InvalidRequest('subject_token_type is not taken');
  }
  const shown = await provider.AccessToken.find(params.subject_token);
  if (!shown) {
    throw new errors.InvalidRequest('the subject_token is not valid'); // RFC 8693 2.2.2
  }
  const audiences = [].concat(params.audience ?? []);
  if (audiences.includes('nobody')) {
    throw new errors.InvalidTarget('that audience is not known');
  }
  const has = new Set((shown.scope ?? '').split(' '));
  const asked = params.scope?.split(' ') ?? [...has];
  if (!asked.every((scope) => has.has(scope))) {
    throw new errors.InvalidScope('more than the subject_token has', params.scope);
  }
  // Of no grant: the one of what was shown is another client's.
  const token = new provider.AccessToken({
    accountId: shown.accountId,
    client,
    gty: 'token_exchange',
    scope: asked.join(' '),
    aud: audiences,
  });
  const access_token = await token.save();
  context.body = {
    access_token,
    issued_token_type: `${TYPES}access_token`,
    token_type: 'Bearer',
    expires_in: token.expiration,
    scope: token.scope,
  };
}

function addExchange(provider) {
  provider.registerGrantType(
    'urn:ietf:params:oauth:grant-type:token-exchange',
    (context) => exchange(provider, context),
    [
      'audience', 'requested_token_type', 'resource', 'scope', 'subject_token',
      'subject_token_type',
    ],
    ['audience', 'resource'],
  );
}

function signWith(key) {
  const provider = new Provider(issuer, { ...configuration, jwks: { keys: [key] } });
  addExchange(provider);
  tellOf(provider);
  server.removeAllListeners('request');
  server.on('request', provider.callback());
}

function tellOf(provider) {
  provider.on('grant.success', (context) => {
    const { access_token, refresh_token, id_token } = context.body;
    const { grant_type } = context.oidc.params;
    console.log(JSON.stringify({ grant_type, access_token, refresh_token, id_token }));
  });

  provider.on('registration_create.success', (context, client) => {
    const { registration_access_token } = context.body;
    const registered = client.clientId;
    console.log(JSON.stringify({ registered, registration_access_token }));
  });
  provider.on('registration_delete.success', (context, client) => {
    console.log(JSON.stringify({ deleted: client.clientId }));
  });
}

signWith(signingKey());
console.log(JSON.stringify({ issuer }));

// It goes away, and comes back with all that it knows. A process that listens nowhere
// would end.
setInterval(() => {}, DAY * 1000);
process.on('SIGUSR2', () => {
  if (server.listening) {
    server.close();
    server.closeAllConnections();
  } else {
    server.listen(new URL(issuer).port, '127.0.0.1');
  }
});
process.on('SIGHUP', () => {
  const key = signingKey();
  signWith(key);
  console.log(JSON.stringify({ signs_with: key.kid }));
});
process.on('SIGTERM', () => process.exit(0));
