// A Veramo agent, for tests: DIDComm v2 by HTTP, keys in memory, and a port by which a test steers it.
//
// It prints {"didcomm": URL, "control": URL, "did": DID} when it is ready and runs until it is told to end. `POST /send`
// with {to, message, packing} packs and sends as Veramo does by default; `GET /seen` tells all that came. Veramo has no
// handler of problem reports: the one here is what an operator adds.
import http from "node:http";
import { createAgent } from "@veramo/core";
import { DIDComm, DIDCommMessageHandler } from "@veramo/did-comm";
import { DIDManager, MemoryDIDStore } from "@veramo/did-manager";
import { PeerDIDProvider, getResolver } from "@veramo/did-provider-peer";
import { DIDResolverPlugin } from "@veramo/did-resolver";
import { KeyManager, MemoryKeyStore, MemoryPrivateKeyStore } from "@veramo/key-manager";
import { KeyManagementSystem } from "@veramo/kms-local";
import { AbstractMessageHandler, MessageHandler } from "@veramo/message-handler";

const REPORT = "https://didcomm.org/report-problem/2.0/problem-report";
const port = Number(process.argv[2]);
const endpoint = `http://127.0.0.1:${port}/messaging`;
const seen = [];

class Reports extends AbstractMessageHandler {
  async handle(message, context) {
    if (message.type !== REPORT) return super.handle(message, context);
    // Veramo's own message has no `pthid`: what was in the envelope is looked at again.
    const opened = await context.agent.unpackDIDCommMessage({ message: message.raw });
    seen.push({ what: "problem", thread: message.threadId, message: opened.message, packing: opened.metaData.packing });
    return message;
  }
}

const agent = createAgent({
  plugins: [
    new KeyManager({ store: new MemoryKeyStore(), kms: { local: new KeyManagementSystem(new MemoryPrivateKeyStore()) } }),
    new DIDManager({ store: new MemoryDIDStore(), defaultProvider: "did:peer",
      providers: { "did:peer": new PeerDIDProvider({ defaultKms: "local" }) } }),
    new DIDResolverPlugin({ ...getResolver() }),
    new DIDComm(),
    new MessageHandler({ messageHandlers: [new DIDCommMessageHandler(), new Reports()] }),
  ],
});

const text = async (request) => {
  const parts = [];
  for await (const chunk of request) parts.push(chunk);
  return Buffer.concat(parts).toString();
};

// As the messaging router of @veramo/remote-server: 200 for what is dealt with, 400 for the rest.
async function take(request, response) {
  const raw = await text(request);
  try {
    const message = await agent.handleMessage({ raw, save: false, metaData: [{ type: "DIDComm" }] });
    response.writeHead(200).end(message?.id);
  } catch (error) {
    seen.push({ what: "refused", error: error.message, type: request.headers["content-type"] });
    response.writeHead(400).end(error.message);
  }
}

async function control(request, response) {
  const say = (status, value) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  if (request.method === "GET") return say(200, seen);
  try {
    const { to, message, packing } = JSON.parse(await text(request));
    const packedMessage = await agent.packDIDCommMessage({ packing, message });
    const header = JSON.parse(Buffer.from(JSON.parse(packedMessage.message).protected, "base64url").toString());
    await agent.sendDIDCommMessage({ messageId: message.id, packedMessage, recipientDidUrl: to });
    say(200, { header });
  } catch (error) {
    say(500, { error: `${error.stack}` });
  }
}

const { did } = await agent.didManagerCreate({ kms: "local", options: { num_algo: 2, service: {
  id: "#didcomm", type: "DIDCommMessaging",
  serviceEndpoint: { uri: endpoint, accept: ["didcomm/v2"], routingKeys: [] },
} } });
http.createServer(take).listen(port, "127.0.0.1", () => {
  const steered = http.createServer(control);
  steered.listen(0, "127.0.0.1", () =>
    console.log(JSON.stringify({ didcomm: endpoint, control: `http://127.0.0.1:${steered.address().port}`, did })));
});
