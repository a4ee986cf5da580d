// A receiver of webhooks in Java (17 or newer): nothing but the JDK.
//
//     WEBHOOK_SECRETS="whsec_... whpk_..." java Receiver.java 8799
//
// Every request is checked, then done once, then answered 204; docs/receivers.md says why.

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public final class Receiver {
    static final long TOLERANCE = 300; // seconds that a request may be old, or ahead
    static final int MAX_SIGNATURES = 16; // entries of webhook-signature that are looked at
    static final int MAX_BODY = 1_000_000; // bytes; those of Tocsin are far smaller
    static final int MAX_SEEN = 100_000; // ids that are remembered

    /** What a secret verifies with: whether one of these entries is a signature of the content. */
    interface Key {
        boolean matches(byte[] content, String[] entries) throws GeneralSecurityException;
    }

    /** What whsec_... or whpk_... verifies with. Throws IllegalArgumentException for a secret that is neither. */
    static Key readSecret(String secret) throws GeneralSecurityException {
        int at = secret.indexOf('_') + 1;
        byte[] bytes = Base64.getDecoder().decode(secret.substring(at));
        if (secret.startsWith("whsec_") && bytes.length >= 24 && bytes.length <= 64) {
            SecretKeySpec key = new SecretKeySpec(bytes, "HmacSHA256");
            return (content, entries) -> byHmac(key, content, entries);
        }
        if (secret.startsWith("whpk_") && bytes.length == 32) {
            ByteArrayOutputStream der = new ByteArrayOutputStream(); // as RFC 8410 wraps a public key
            der.writeBytes(HexFormat.of().parseHex("302a300506032b6570032100"));
            der.writeBytes(bytes);
            PublicKey key = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(der.toByteArray()));
            return (content, entries) -> byEd25519(key, content, entries);
        }
        throw new IllegalArgumentException("a secret is whsec_ and base64 of 24 to 64 bytes, or whpk_ and base64 of 32");
    }

    private static boolean byHmac(SecretKeySpec key, byte[] content, String[] entries) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(key);
        byte[] expected = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(content))).getBytes(US_ASCII);
        for (String entry : entries) {
            if (MessageDigest.isEqual(expected, entry.getBytes(UTF_8))) { // constant time
                return true;
            }
        }
        return false;
    }

    private static boolean byEd25519(PublicKey key, byte[] content, String[] entries) throws GeneralSecurityException {
        for (String entry : entries) {
            byte[] signature = signature(entry);
            if (signature.length != 64) {
                continue;
            }
            Signature verifier = Signature.getInstance("Ed25519");
            verifier.initVerify(key);
            verifier.update(content);
            try {
                if (verifier.verify(signature)) {
                    return true;
                }
            } catch (GeneralSecurityException noSignature) {
                // bytes that no key can have made
            }
        }
        return false;
    }

    /** The bytes of a v1a entry; none if it is anything else, or not in the one right spelling of base64. */
    private static byte[] signature(String entry) {
        String encoded = entry.startsWith("v1a,") ? entry.substring(4) : "";
        try {
            byte[] bytes = Base64.getDecoder().decode(encoded);
            return Base64.getEncoder().encodeToString(bytes).equals(encoded) ? bytes : new byte[0];
        } catch (IllegalArgumentException noBase64) {
            return new byte[0];
        }
    }

    /**
     * Why a webhook is not to be trusted, or null if it is. The body is the bytes as they came; headers that are missing
     * are null; now is in seconds since 1970.
     */
    static String refusal(byte[] body, String id, String timestamp, String signature, List<Key> keys, long now)
            throws GeneralSecurityException {
        if (isEmpty(id) || isEmpty(timestamp) || isEmpty(signature)) {
            return "missing_header";
        }
        if (!id.matches("[A-Za-z0-9_-]{1,255}") || !timestamp.matches("[0-9]{1,15}")) {
            return "malformed_header";
        }
        long sent = Long.parseLong(timestamp);
        if (now - sent > TOLERANCE) {
            return "too_old";
        }
        if (sent - now > TOLERANCE) {
            return "too_new";
        }
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        content.writeBytes((id + "." + timestamp + ".").getBytes(US_ASCII));
        content.writeBytes(body);
        String[] all = signature.split(" ", MAX_SIGNATURES + 1);
        String[] entries = Arrays.copyOf(all, Math.min(all.length, MAX_SIGNATURES));
        for (Key key : keys) {
            if (key.matches(content.toByteArray(), entries)) {
                return null;
            }
        }
        return "no_match";
    }

    private static boolean isEmpty(String value) {
        return value == null || value.isEmpty();
    }

    private static final Pattern CHALLENGE = Pattern.compile(
            "\\{\\s*\"type\"\\s*:\\s*\"endpoint\\.challenge\".*\"challenge\"\\s*:\\s*\"([A-Za-z0-9_-]+)\".*", Pattern.DOTALL);

    /** What a receiver that wants to be told must answer, if this is the question; else null. Of a verified body only. */
    static String challengeIn(byte[] body) {
        Matcher question = CHALLENGE.matcher(new String(body, UTF_8)); // with any JSON library: type, and data.challenge
        return question.matches() ? question.group(1) : null;
    }

    /** What you do with it. Put it into a queue or a table if it takes longer than some seconds. */
    static void work(byte[] body) {
        System.out.println("work " + body.length + " bytes"); // with any JSON library: its "type" and "data"
    }

    /** What was done: of a real service a unique column, written in the transaction of the work. */
    private static final Map<String, Boolean> DONE = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
            return size() > MAX_SEEN;
        }
    };

    private static Answer take(HttpExchange exchange, List<Key> keys) throws Exception {
        byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY + 1);
        if (body.length > MAX_BODY) {
            return new Answer(413);
        }
        String id = only(exchange, "webhook-id");
        String timestamp = only(exchange, "webhook-timestamp");
        String signature = only(exchange, "webhook-signature");
        String refused = refusal(body, id, timestamp, signature, keys, System.currentTimeMillis() / 1000);
        if (refused != null) {
            System.out.println("refused " + refused);
            return new Answer(401);
        }
        String text = new String(body, UTF_8).strip(); // with any JSON library: whether it holds an object
        if (!text.startsWith("{") || !text.endsWith("}")) {
            System.out.println("malformed");
            return new Answer(400); // it would be no better if it came again
        }
        String challenge = challengeIn(body);
        if (challenge != null) {
            return new Answer(200, challenge);
        }
        synchronized (DONE) { // one at a time: of two attempts at once the second waits, and finds that it was done
            if (!DONE.containsKey(id)) {
                work(body); // what it throws is answered 503, and it comes again
                DONE.put(id, true);
            }
        }
        return new Answer(204);
    }

    record Answer(int status, String text) {
        Answer(int status) {
            this(status, "");
        }
    }

    /** A header that was said once; said twice it is neither, since nobody knows which one was signed. */
    private static String only(HttpExchange exchange, String name) {
        List<String> values = exchange.getRequestHeaders().getOrDefault(name, List.of());
        return values.size() == 1 ? values.get(0) : null;
    }

    private static void answer(HttpExchange exchange, List<Key> keys) throws IOException {
        Answer answer;
        try {
            answer = take(exchange, keys);
        } catch (Exception error) {
            System.out.println("failed " + error.getClass().getSimpleName());
            answer = new Answer(503); // it comes again
        }
        byte[] text = answer.text().getBytes(UTF_8);
        exchange.sendResponseHeaders(answer.status(), text.length == 0 ? -1 : text.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(text);
        }
        exchange.close();
    }

    public static void main(String[] arguments) throws Exception {
        List<Key> keys = new ArrayList<>();
        try {
            for (String secret : System.getenv().getOrDefault("WEBHOOK_SECRETS", "").trim().split("\\s+")) {
                keys.add(readSecret(secret));
            }
        } catch (IllegalArgumentException | GeneralSecurityException error) {
            System.err.println("WEBHOOK_SECRETS: " + error.getMessage());
            System.exit(78);
        }
        System.setProperty("sun.net.httpserver.maxReqTime", "15"); // seconds for a request to come in
        int port = Integer.parseInt(arguments[0]);
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/", exchange -> answer(exchange, keys));
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.start();
        System.out.println("listening on " + server.getAddress().getPort());
    }
}
