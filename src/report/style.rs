//! How a page may look: its width, its colours, its letters. What a terminal can do is the
//! caller's to find out.

/// What the reader's terminal can show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// Whether escape sequences for colour are written.
    pub color: bool,
    /// Columns; below 40 counts as 40.
    pub width: usize,
    /// Whether letters beyond ASCII are written, apart from those in names.
    pub unicode: bool,
}

impl Default for Style {
    /// Plain text for a file or a pipe: 80 columns, no colour, Unicode.
    fn default() -> Self {
        Self {
            color: false,
            width: 80,
            unicode: true,
        }
    }
}

/// The few inks that a page uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ink {
    Plain,
    Good,
    Bad,
    Warning,
    Heading,
    Faint,
}

impl Style {
    /// The columns to fill.
    pub(crate) fn columns(&self) -> usize {
        self.width.max(40)
    }

    /// The text in its ink; unchanged without colour.
    pub(crate) fn paint(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Plain => return text.to_owned(),
            _ if !self.color || text.is_empty() => return text.to_owned(),
            Ink::Good => "1;32",
            Ink::Bad => "1;31",
            Ink::Warning => "33",
            Ink::Heading => "1",
            Ink::Faint => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Our own words in the letters that the terminal has.
    pub(crate) fn letters(&self, text: &str) -> String {
        if self.unicode {
            return text.to_owned();
        }
        let mut plain = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                '±' => plain.push_str("+-"),
                'µ' => plain.push('u'),
                '×' => plain.push('x'),
                '≥' => plain.push_str(">="),
                '≤' => plain.push_str("<="),
                '…' => plain.push('~'),
                '·' => plain.push('|'),
                '✓' => plain.push('+'),
                '✗' => plain.push('x'),
                '–' | '─' => plain.push('-'),
                '━' => plain.push('='),
                '→' => plain.push_str("->"),
                other => plain.push(other),
            }
        }
        plain
    }
}
