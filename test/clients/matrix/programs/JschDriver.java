import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import com.jcraft.jsch.SftpException;
import com.jcraft.jsch.SftpStatVFS;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Runs the steps with JSch. Arguments: PORT USER PASSWORD. */
public class JschDriver {
    public static void main(String[] arguments) throws Exception {
        Session session = new JSch().getSession(arguments[1], "127.0.0.1", Integer.parseInt(arguments[0]));
        session.setPassword(arguments[2]);
        session.setConfig("StrictHostKeyChecking", "no");
        session.connect(60_000);
        ChannelSftp sftp = (ChannelSftp) session.openChannel("sftp");
        sftp.connect();
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] step = line.split("\t");
            try {
                out.println(run(sftp, step[0], Arrays.copyOfRange(step, 1, step.length)));
            } catch (Exception error) {
                String cause = error.getCause() == null ? "" : " | " + error.getCause();
                out.println("failed\t" + (error + cause).replace('\n', ' ').replace('\t', ' '));
            }
        }
        session.disconnect();
    }

    private static String run(ChannelSftp sftp, String name, String[] values) throws Exception {
        switch (name) {
            case "put" -> sftp.put(values[0], quoted(values[1]));
            case "get" -> sftp.get(quoted(values[0]), values[1]);
            case "resumePut" -> sftp.put(values[0], quoted(values[1]), ChannelSftp.RESUME);
            case "resumeGet" -> sftp.get(quoted(values[0]), values[1], null, ChannelSftp.RESUME);
            case "append" -> sftp.put(new java.io.FileInputStream(values[0]), values[1], ChannelSftp.APPEND);
            case "rename", "replace" -> sftp.rename(values[0], values[1]);
            case "mkdir" -> sftp.mkdir(values[0]);
            case "rmdir" -> sftp.rmdir(values[0]);
            case "chmod" -> sftp.chmod(Integer.parseInt(values[0], 8), values[1]);
            case "symlink" -> sftp.symlink(values[0], values[1]);
            case "putTimes" -> {
                sftp.put(values[0], values[1]);
                sftp.setMtime(values[1], (int) (new File(values[0]).lastModified() / 1000));
            }
            case "df" -> {
                SftpStatVFS found = sftp.statVFS(values[0]);
                return "done\t" + found.getAvail();
            }
            default -> {
                return "absent";
            }
        }
        return "done";
    }

    /** JSch takes `*` and `?` in a path as patterns, and a backslash before them as a quote. */
    private static String quoted(String path) {
        return path.replaceAll("([*?\\\\])", "\\\\$1");
    }
}
