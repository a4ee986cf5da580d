// A stock agent of Credo-TS, for tests: DIDComm v1 by HTTP, a store in memory, and a port by which a test steers it.
//
// It prints {"didcomm": URL, "control": URL} when it is ready and runs until it is told to end. `POST /NAME` with a
// JSON object does one of the `DEEDS` below, `GET /seen` tells all that came and went. CREDO_HEARS=yes gives it the
// one handler that an operator adds to be told of generic problem reports; without it Credo drops them. CREDO_TELLS is the
// address of a gateway that is told what the agent does, by the files of docs/publishers.
const http = require("node:http");
const { agentDependencies, HttpInboundTransport } = require("@credo-ts/node");
const { AskarModule } = require("@credo-ts/askar");
const { askar } = require("@openwallet-foundation/askar-nodejs");
const credo = require("@credo-ts/core");
const { didDocumentToNumAlgo2Did } = require("@credo-ts/core/build/modules/dids/methods/peer/peerDidNumAlgo2");

const port = Number(process.argv[2]);
const endpoint = `http://127.0.0.1:${port}`;
const seen = [];
const see = (what, more) => seen.push({ what, ...more });

class Heard extends credo.BaseLogger {
  constructor() {
    super(credo.LogLevel.warn);
    for (const level of ["test", "trace", "debug", "info"]) this[level] = () => {};
    for (const level of ["warn", "error", "fatal"]) {
      this[level] = (text, data) => see("log", { text: `${text}`, error: data?.error?.message });
    }
  }
}

const agent = new credo.Agent({
  config: { label: "credo", endpoints: [endpoint], logger: new Heard(), walletConfig: {
    id: "tests", key: "tests", storage: { type: "sqlite", config: { inMemory: true } },
  } },
  dependencies: agentDependencies,
  modules: {
    askar: new AskarModule({ ariesAskar: askar }),
    credentials: new credo.CredentialsModule({ credentialProtocols: [
      new credo.V2CredentialProtocol({ credentialFormats: [new credo.JsonLdCredentialFormatService()] }),
    ] }),
  },
});
const part = (kind) => agent.dependencyManager.resolve(kind);

agent.dependencyManager.registerMessageHandlerMiddleware(async (context, next) => {
  see("received", { message: context.message.toJSON(), connection: context.connection?.id });
  await next();
});
agent.events.on(credo.AgentEventTypes.AgentMessageSent, ({ payload }) =>
  see("sent", { message: payload.message.message.toJSON(), status: payload.status }));
agent.events.on(credo.CredentialEventTypes.CredentialStateChanged, ({ payload: { credentialRecord } }) =>
  see("credential", shown(credentialRecord)));
agent.events.on(credo.ConnectionEventTypes.ConnectionStateChanged, ({ payload: { connectionRecord } }) =>
  see("connection", { id: connectionRecord.id, state: connectionRecord.state }));
if (process.env.CREDO_HEARS) {
  agent.dependencyManager.registerMessageHandlers([{
    supportedMessages: [credo.ProblemReportMessage],
    handle: async ({ message, connection }) => {
      see("problem", { code: message.description.code, thread: message.threadId, connection: connection?.id });
    },
  }]);
}

const shown = ({ id, state, threadId, connectionId, errorMessage }) =>
  ({ id, state, thread: threadId, connection: connectionId, error: errorMessage });

const document = (verkey, serviceEndpoint) => credo.createPeerDidDocumentFromServices([{
  id: "#inline-0", serviceEndpoint, routingKeys: [],
  recipientKeys: [credo.Key.fromPublicKeyBase58(verkey, credo.KeyType.Ed25519)],
}]);

const DEEDS = {
  // A DID of its own, for one connection; with `seed` (32 characters) its key is known to whoever knows the seed.
  async key({ seed }) {
    const privateKey = seed && credo.TypedArrayEncoder.fromString(seed);
    const key = await agent.wallet.createKey({ keyType: credo.KeyType.Ed25519, privateKey });
    const made = await agent.dids.create({ method: "peer", didDocument: document(key.publicKeyBase58, endpoint),
      options: { numAlgo: credo.PeerDidNumAlgo.MultipleInceptionKeyWithoutDoc } });
    if (made.didState.state !== "finished") throw new Error(made.didState.reason);
    return { did: made.didState.did, verkey: key.publicKeyBase58, endpoint };
  },
  // A connection without a handshake: both sides' keys and addresses were exchanged in another way. The other side is
  // named by `verkey` and `endpoint`, or by a `did` that Credo resolves.
  async connect({ own, did, verkey, endpoint: theirs }) {
    did ??= didDocumentToNumAlgo2Did(document(verkey, theirs));
    const doc = await agent.dids.resolveDidDocument(did);
    const known = part(credo.DidRepository);
    if (!(await known.findReceivedDid(agent.context, did))) { // two of one key, and nothing of it opens any more
      const recipientKeyFingerprints = doc.recipientKeys.map((key) => key.fingerprint);
      await known.storeReceivedDid(agent.context, { did, didDocument: doc, tags: { recipientKeyFingerprints } });
    }
    const record = new credo.ConnectionRecord({ did: own, theirDid: did, state: credo.DidExchangeState.Completed,
      role: credo.DidExchangeRole.Responder, protocol: credo.HandshakeProtocol.Connections });
    await part(credo.ConnectionRepository).save(agent.context, record);
    return { id: record.id, did };
  },
  async propose({ connection }) {
    return shown(await agent.credentials.proposeCredential({ connectionId: connection, protocolVersion: "v2",
      credentialFormats: { jsonld: {
        credential: { "@context": ["https://www.w3.org/2018/credentials/v1"], type: ["VerifiableCredential"],
          issuer: "did:key:z6Mkt", issuanceDate: "2026-01-01T00:00:00Z", credentialSubject: { id: "did:key:z6Mkp" } },
        options: { proofType: "Ed25519Signature2018", proofPurpose: "assertionMethod" } } } }));
  },
  async abandon({ credential, description }) {
    return shown(await agent.credentials.sendProblemReport({ credentialRecordId: credential, description }));
  },
  async credential({ id }) {
    return shown(await agent.credentials.getById(id));
  },
  async connection({ id }) {
    return { state: (await agent.connections.getById(id)).state };
  },
  // Any message, as it is, over a connection.
  async send({ connection, message }) {
    const record = await agent.connections.getById(connection);
    const plain = credo.JsonTransformer.fromJSON(message, credo.AgentMessage, { validate: false });
    plain.toJSON = () => message;
    await part(credo.MessageSender).sendMessage(
      new credo.OutboundMessageContext(plain, { agentContext: agent.context, connection: record }));
    return {};
  },
};

async function answer(request, response) {
  const say = (status, value) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  if (request.method === "GET") return say(200, seen);
  try {
    const parts = [];
    for await (const chunk of request) parts.push(chunk);
    say(200, await DEEDS[request.url.slice(1)](JSON.parse(Buffer.concat(parts).toString() || "{}")));
  } catch (error) {
    say(500, { error: `${error?.stack ?? error}`, cause: `${error?.cause ?? ""}` });
  }
}

async function main() {
  if (process.env.CREDO_TELLS) {
    const files = `${__dirname}/../../../docs/publishers`;
    const { Tocsin } = await import(`${files}/tocsin.mjs`);
    const { watchAgent } = await import(`${files}/credo.mjs`);
    watchAgent(agent, new Tocsin({ url: process.env.CREDO_TELLS, service: "issuer" }));
  }
  agent.registerOutboundTransport(new credo.HttpOutboundTransport());
  agent.registerInboundTransport(new HttpInboundTransport({ port }));
  await agent.initialize();
  const control = http.createServer(answer);
  control.listen(0, "127.0.0.1", () =>
    console.log(JSON.stringify({ didcomm: endpoint, control: `http://127.0.0.1:${control.address().port}` })));
}

main();
