//! Outlines in few letters: steps from point to point in place of points. The letters of a chart are
//! outlines, and most of its size. It knows nothing else of SVG.

/// With every path of whole numbers written shorter. The shape is the same to the last digit; a path
/// that is not understood stays as it is.
pub(crate) fn shortened(svg: &str) -> String {
    let mut text = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(start) = rest.find(" d=\"") {
        let (before, path) = rest.split_at(start + 4);
        let end = path.find('"').unwrap_or(path.len());
        let (path, after) = path.split_at(end);
        text.push_str(before);
        match short(path) {
            Some(short) => text.push_str(&short),
            None => text.push_str(path),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// `M 10 20 L 15 20 L 15 18 Z` as `M10 20h5v-2z`.
fn short(path: &str) -> Option<String> {
    let mut words = path.split_ascii_whitespace();
    let mut pen = Pen::default();
    while let Some(word) = words.next() {
        let mut point = || -> Option<Point> {
            let number = |word: Option<&str>| word?.parse::<i64>().ok();
            Some((number(words.next())?, number(words.next())?))
        };
        match word {
            "M" => pen.go(point()?),
            "L" => pen.line(point()?),
            "Q" => pen.curve('q', &[point()?, point()?]),
            "C" => pen.curve('c', &[point()?, point()?, point()?]),
            "Z" => pen.close(),
            _ => return None,
        }
    }
    Some(pen.text)
}

type Point = (i64, i64);

#[derive(Default)]
struct Pen {
    text: String,
    /// The last command; a repeated one need not be written.
    last: char,
    at: Point,
    /// Where the shape in hand began.
    start: Point,
}

impl Pen {
    fn go(&mut self, to: Point) {
        if self.text.is_empty() {
            self.text = format!("M{} {}", to.0, to.1);
            self.last = 'M';
        } else {
            self.command('m');
            self.number(to.0 - self.at.0);
            self.number(to.1 - self.at.1);
        }
        (self.at, self.start) = (to, to);
    }

    fn line(&mut self, to: Point) {
        let (dx, dy) = (to.0 - self.at.0, to.1 - self.at.1);
        if dy == 0 {
            self.command('h');
            self.number(dx);
        } else if dx == 0 {
            self.command('v');
            self.number(dy);
        } else {
            self.command('l');
            self.number(dx);
            self.number(dy);
        }
        self.at = to;
    }

    fn curve(&mut self, letter: char, points: &[Point]) {
        self.command(letter);
        for point in points {
            self.number(point.0 - self.at.0);
            self.number(point.1 - self.at.1);
        }
        self.at = points.last().copied().unwrap_or(self.at);
    }

    fn close(&mut self) {
        self.command('z');
        self.at = self.start;
    }

    fn command(&mut self, letter: char) {
        // Numbers after an `m` would be taken for lines.
        if self.last != letter || letter == 'm' {
            self.text.push(letter);
        }
        self.last = letter;
    }

    fn number(&mut self, number: i64) {
        let follows = self.text.ends_with(|c: char| c.is_ascii_digit());
        if follows && number >= 0 {
            self.text.push(' ');
        }
        self.text.push_str(&number.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use resvg::usvg::tiny_skia_path::PathSegment;
    use resvg::usvg::{Node, Options, Tree};

    #[test]
    fn steps_are_shorter_than_points() {
        assert_eq!(
            short("M 10 20 L 15 20 L 15 18 L 17 19 L 18 21 Z M 10 20 Q 1 2 3 4").unwrap(),
            "M10 20h5v-2l2 1 1 2zm0 0q-9-18-7-16"
        );
        assert_eq!(short("M 1.5 2"), None);
        assert_eq!(short("A 1 2 3"), None);
        let svg = "<path d=\"M 1 1 L 2 2\"/><path fill=\"red\" d=\"M 0.5 1\"/>";
        assert_eq!(
            shortened(svg),
            "<path d=\"M1 1l1 1\"/><path fill=\"red\" d=\"M 0.5 1\"/>"
        );
    }

    /// What a reader of SVG makes of a path.
    fn read(path: &str) -> Vec<PathSegment> {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><path d=\"{path}\"/></svg>"
        );
        let tree = Tree::from_str(&svg, &Options::default()).unwrap();
        match tree.root().children() {
            [Node::Path(path)] => path.data().segments().collect(),
            _ => Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn a_shortened_path_is_the_same_shape(
            steps in proptest::collection::vec((0..5u8, proptest::array::uniform6(-90..900i32)), 1..20),
        ) {
            let mut path = "M 5 5".to_owned();
            for (kind, n) in steps {
                let [a, b, c, d, e, f] = n;
                path += &match kind {
                    0 => format!(" M {a} {b}"),
                    1 => format!(" Q {a} {b} {c} {d}"),
                    2 => format!(" C {a} {b} {c} {d} {e} {f}"),
                    3 => format!(" L {a} {b} L {a} {c} L {d} {c}"),
                    _ => " Z".to_owned(),
                };
            }
            prop_assert_eq!(read(&short(&path).unwrap()), read(&path));
        }
    }
}
