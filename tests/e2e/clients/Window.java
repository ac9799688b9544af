import java.awt.Color;
import java.awt.Dimension;
import java.awt.Frame;
import java.awt.Robot;
import java.awt.Toolkit;
import java.awt.event.KeyAdapter;
import java.awt.event.KeyEvent;
import java.awt.event.MouseAdapter;
import java.awt.event.MouseEvent;
import java.util.HashSet;
import java.util.Set;

/** A window of Java's AWT. */
public class Window {
    static final Frame frame = new Frame("java waits");
    static final Set<String> heard = new HashSet<>();

    static void hear(String what) {
        heard.add(what);
        if (!heard.equals(Set.of("click", "f"))) return;
        try {
            Dimension size = Toolkit.getDefaultToolkit().getScreenSize();
            Color pixel = new Robot().getPixelColor(1270, 790);
            String colour = String.format("#%02x%02x%02x", pixel.getRed(), pixel.getGreen(), pixel.getBlue());
            frame.setTitle("java heard " + size.width + "x" + size.height + " " + colour);
        } catch (java.awt.AWTException problem) {
            throw new IllegalStateException(problem);
        }
    }

    public static void main(String[] arguments) {
        frame.addMouseListener(new MouseAdapter() {
            @Override
            public void mousePressed(MouseEvent event) {
                hear("click");
            }
        });
        frame.addKeyListener(new KeyAdapter() {
            @Override
            public void keyTyped(KeyEvent event) {
                hear(String.valueOf(event.getKeyChar()));
            }
        });
        frame.setBounds(50, 550, 300, 200);
        frame.setVisible(true);
    }
}
