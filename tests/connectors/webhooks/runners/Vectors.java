// Runs docs/receivers/Receiver.java over vectors: a line each of now, secrets, id, time, signature, body ("-": no header).

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

final class Vectors {
    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] fields = line.split("\t", -1);
            List<Receiver.Key> keys = new ArrayList<>();
            for (String secret : fields[1].split(" ")) {
                keys.add(Receiver.readSecret(secret));
            }
            byte[] body = Base64.getDecoder().decode(fields[5]);
            long now = Long.parseLong(fields[0]);
            String why = Receiver.refusal(body, header(fields[2]), header(fields[3]), header(fields[4]), keys, now);
            System.out.println(why == null ? "accepted" : why);
        }
    }

    private static String header(String field) {
        return field.equals("-") ? null : new String(Base64.getDecoder().decode(field), UTF_8);
    }
}
