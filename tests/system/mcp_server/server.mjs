// An MCP server with authorization on loopback, for one test: npm's official SDK.
//
//   ISSUER=http://127.0.0.1:PORT node server.mjs
//
// Prints one JSON line when it is ready, {"url": …}. It asks ISSUER about each token
// (RFC 7662), and takes those that are for its own URL and no other. Its one tool says
// whose token called it.

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import {
  getOAuthProtectedResourceMetadataUrl,
  mcpAuthMetadataRouter,
} from '@modelcontextprotocol/sdk/server/auth/router.js';
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createServer } from 'node:http';

const issuer = process.env.ISSUER;
const inspector = Buffer.from('inspector:inspector-secret').toString('base64');

const answer = await fetch(`${issuer}/.well-known/openid-configuration`);
const oauthMetadata = await answer.json();

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const url = new URL(`http://127.0.0.1:${server.address().port}/mcp`);

async function verifyAccessToken(token) {
  const response = await fetch(oauthMetadata.introspection_endpoint, {
    method: 'POST',
    headers: { Authorization: `Basic ${inspector}` },
    body: new URLSearchParams({ token }),
  });
  const said = await response.json();
  if (!said.active) throw new InvalidTokenError('the issuer does not know it');
  return {
    token,
    clientId: said.client_id,
    scopes: (said.scope ?? '').split(' '),
    expiresAt: said.exp,
    resource: said.aud && new URL(said.aud),
    extra: { subject: said.sub },
  };
}

function toolServer() {
  const tools = new McpServer({ name: 'tests', version: '1.0.0' });
  const about = { description: 'Whose token this is' };
  tools.registerTool('whoami', about, async ({ authInfo }) => ({
    content: [{ type: 'text', text: `you are ${authInfo.extra.subject}` }],
  }));
  return tools;
}

const app = createMcpExpressApp();
app.use(
  mcpAuthMetadataRouter({
    oauthMetadata,
    resourceServerUrl: url,
    scopesSupported: ['tools:call'],
  }),
);
app.post(
  '/mcp',
  requireBearerAuth({
    verifier: { verifyAccessToken },
    requiredScopes: ['tools:call'],
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(url),
    expectedResource: url,
  }),
  async (request, response) => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: undefined, // each request stands for itself
      enableJsonResponse: true,
    });
    await toolServer().connect(transport);
    await transport.handleRequest(request, response, request.body);
  },
);

server.on('request', app);
console.log(JSON.stringify({ url: url.href }));
process.on('SIGTERM', () => process.exit(0));
