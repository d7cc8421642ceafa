// An OpenID-certified issuer on loopback, for one test: npm oidc-provider.
//
//   ACCESS_TTL=2 node server.mjs    seconds that an access token lives, 2 to 3600
//   DEVICE_TTL=4                 seconds that a device code is good for
//   DPOP_NONCE=1 node server.mjs    its nonce is wanted in every proof (RFC 9449)
//   ID_TOKEN_TTL=20                 seconds that an ID token lives
//   CLIENT_DOCUMENTS=yes            client ids may be URLs of metadata documents
//   ROBOT_KEYS='{"keys": […]}'      the public keys of the clients without a person
//   TLS_PAIR=FILE TLS_CLIENTS=FILE  https, with this certificate and key; clients may
//                                   show certificates of that authority (RFC 8705)
//
// Prints one JSON line when it is ready, {"issuer": …}, then one for each answer of
// its token endpoint, {"grant_type": …, "access_token": …, "refresh_token": …}, with
// {"subject": …} where a JWT was spent (RFC 7523): the
// test hunts for them where they must not be. Likewise for clients that register,
// {"registered": ID, "registration_access_token": …}, and {"deleted": ID}. It forgets
// all at its end. SIGUSR2 takes it off the network, or puts it back. SIGHUP exchanges the
// key that it signs with, {"signs_with": KID}; the one before is published no more.
// Its sign-in pages take any name with any password.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createLocalJWKSet, jwtVerify } from 'jose';
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

const { TLS_PAIR: pair, TLS_CLIENTS: authority } = process.env;
const server = pair
  ? createTlsServer({
      key: readFileSync(pair),
      cert: readFileSync(pair),
      ca: readFileSync(authority),
      requestCert: true,
      rejectUnauthorized: false, // who shows none may still read the metadata
    })
  : createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `${pair ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;

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

// Those without a person: one shows a secret, one signs who it is, one spends JWTs, and
// one shows a certificate.
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const robotKeys = JSON.parse(process.env.ROBOT_KEYS ?? '{"keys": []}');
const robot = {
  redirect_uris: [],
  response_types: [],
  grant_types: ['client_credentials'],
  scope: 'files:read files:write',
};
const robots = [
  { ...robot, client_id: 'robot-secret', client_secret: 'robot-secret-known-to-few' },
  {
    ...robot,
    client_id: 'robot-key',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: robotKeys,
  },
  {
    ...robot,
    client_id: 'robot-bearer',
    token_endpoint_auth_method: 'none',
    grant_types: [JWT_BEARER],
  },
];
const robotWithCertificate = {
  ...robot,
  client_id: 'robot-certificate',
  token_endpoint_auth_method: 'tls_client_auth',
  tls_client_auth_subject_dn: 'CN=robot',
};

// A new key, and nothing else: what it has given lies beside it, and stands.
function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomBytes(8).toString('hex');
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' };
}

const configuration = {
  adapter: class extends MemoryAdapter {},
  clients: [
    nativeClient,
    boundClient,
    deviceClient,
    exchangingClient,
    inspectingClient,
    ...robots,
    ...(pair ? [robotWithCertificate] : []),
  ],
  clientAuthMethods: [
    'none',
    'client_secret_basic',
    'client_secret_post',
    'private_key_jwt',
    ...(pair ? ['tls_client_auth'] : []),
  ],
  enabledJWA: {
    clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'],
  },
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
    ClientCredentials: accessSeconds,
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
    mTLS: {
      enabled: Boolean(pair),
      tlsClientAuth: true,
      getCertificate: (context) => context.socket.getPeerX509Certificate(),
      certificateAuthorized: (context) => context.socket.authorized,
      certificateSubjectMatches: (context, property, expected) =>
        context.socket.getPeerX509Certificate().subject === expected,
    },
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

// Whose the token is that is shown, and what it has; null where it is not valid.
async function found(provider, key, { subject_token, subject_token_type }) {
  if (subject_token_type === `${TYPES}id_token`) {
    const { kty, n, e, kid, alg } = key;
    const keys = createLocalJWKSet({ keys: [{ kty, n, e, kid, alg }] });
    const verified = await jwtVerify(subject_token, keys, { issuer }).catch(() => null);
    return verified && { accountId: verified.payload.sub, scope: 'files:read' };
  }
  if (subject_token_type !== `${TYPES}access_token`) {
    throw new errors.InvalidRequest('subject_token_type is not taken');
  }
  return provider.AccessToken.find(subject_token);
}

async function exchange(provider, key, context) {
  const { client, params } = context.oidc;
  const shown = await found(provider, key, params);
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

function addExchange(provider, key) {
  provider.registerGrantType(
    'urn:ietf:params:oauth:grant-type:token-exchange',
    (context) => exchange(provider, key, context),
    [
      'audience', 'requested_token_type', 'resource', 'scope', 'subject_token',
      'subject_token_type',
    ],
    ['audience', 'resource'],
  );
}

// RFC 7523 section 2.1, which it does not know either; jose looks at the JWT.
async function spendJwt(provider, context) {
  const { client, params } = context.oidc;
  const expected = {
    issuer: client.clientId,
    audience: issuer,
    requiredClaims: ['sub', 'exp', 'jti'],
    maxTokenAge: '5 minutes',
  };
  const keys = createLocalJWKSet(robotKeys);
  const { payload } = await jwtVerify(params.assertion, keys, expected).catch((error) => {
    throw new errors.InvalidGrant(error.message);
  });
  const token = new provider.ClientCredentials({ client, scope: params.scope });
  context.oidc.entity('ClientCredentials', token);
  context.oidc.subject = payload.sub;
  context.body = {
    access_token: await token.save(),
    expires_in: token.expiration,
    token_type: 'Bearer',
    scope: token.scope,
  };
}

function addJwtBearer(provider) {
  const spend = (context) => spendJwt(provider, context);
  provider.registerGrantType(JWT_BEARER, spend, ['assertion', 'scope']);
}

function signWith(key) {
  const provider = new Provider(issuer, { ...configuration, jwks: { keys: [key] } });
  addExchange(provider, key);
  addJwtBearer(provider);
  tellOf(provider);
  server.removeAllListeners('request');
  server.on('request', provider.callback());
}

function tellOf(provider) {
  provider.on('grant.success', (context) => {
    const { access_token, refresh_token, id_token } = context.body;
    const { params, subject } = context.oidc;
    const { grant_type } = params;
    const given = { grant_type, access_token, refresh_token, id_token, subject };
    console.log(JSON.stringify(given));
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
