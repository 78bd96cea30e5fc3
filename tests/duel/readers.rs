//! Ways to frame a byte stream into requests: the strict one of RFC 9112, and the lenient ones that
//! servers in the field are known to have. What is forwarded is safe when all of them see the same.

/// One way of reading.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// What it is called in the table.
    pub name: &'static str,
    lines: Lines,
    names: Names,
    lengths: Lengths,
    codings: Codings,
    /// Whether `Content-Length` wins over `Transfer-Encoding`.
    length_first: bool,
    chunks: Chunks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    /// A line ends in CRLF, and a bare CR or LF is refused.
    Strict,
    /// LF ends a line.
    Lf,
    /// So does CR.
    CrOrLf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// A token, immediately before the colon.
    Strict,
    /// White space and controls around it are cut off, `_` counts as `-`.
    Trimmed,
    /// A line that begins with white space continues the one before.
    Folded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// One, of digits.
    Strict,
    /// The first one, as far as it has digits.
    First,
    /// The last one, as far as it has digits.
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codings {
    /// Nothing but one `chunked`.
    Strict,
    /// Anything that has `chunked` in it.
    Containing,
    /// Only a lone and exact `chunked`; anything else is as if absent.
    Exact,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunks {
    /// By the grammar.
    Strict,
    /// Lines end in LF, sizes end where the digits do, line ends after data may be missing.
    Lenient,
}

/// What a reader makes of the beginning of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A whole request.
    Complete(Message),
    /// The beginning of one.
    Incomplete,
    /// Nothing it accepts.
    Refused(&'static str),
}

/// Where a request is, and what it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `METHOD target`
    pub request: String,
    /// Bytes of its head.
    pub head: usize,
    /// Bytes of all of it.
    pub length: usize,
}

const STRICT: Reader = Reader {
    name: "strict",
    lines: Lines::Strict,
    names: Names::Strict,
    lengths: Lengths::Strict,
    codings: Codings::Strict,
    length_first: false,
    chunks: Chunks::Strict,
};

const LENIENT: Reader = Reader {
    name: "lenient",
    lines: Lines::Lf,
    names: Names::Trimmed,
    lengths: Lengths::First,
    codings: Codings::Containing,
    length_first: false,
    chunks: Chunks::Lenient,
};

/// All readers; the first is the strict one.
pub const READERS: [Reader; 10] = [
    STRICT,
    LENIENT,
    Reader {
        name: "length first",
        length_first: true,
        ..LENIENT
    },
    Reader {
        name: "last length",
        lengths: Lengths::Last,
        ..LENIENT
    },
    Reader {
        name: "last length first",
        lengths: Lengths::Last,
        length_first: true,
        ..LENIENT
    },
    Reader {
        name: "exact coding",
        codings: Codings::Exact,
        ..LENIENT
    },
    Reader {
        name: "bare CR",
        lines: Lines::CrOrLf,
        ..LENIENT
    },
    Reader {
        name: "folding",
        names: Names::Folded,
        ..LENIENT
    },
    Reader {
        name: "strict names",
        names: Names::Strict,
        ..LENIENT
    },
    Reader {
        name: "strict chunks",
        chunks: Chunks::Strict,
        ..LENIENT
    },
];

impl Reader {
    /// Takes a stream apart: the requests, and what the rest of it is.
    #[must_use]
    pub fn all(&self, mut stream: &[u8]) -> (Vec<Message>, Read) {
        let mut messages = Vec::new();
        loop {
            match self.read(stream) {
                Read::Complete(message) => {
                    stream = &stream[message.length..];
                    messages.push(message);
                }
                rest @ (Read::Incomplete | Read::Refused(_)) => return (messages, rest),
            }
        }
    }

    /// Reads the first request of a stream.
    #[must_use]
    pub fn read(&self, stream: &[u8]) -> Read {
        let (lines, head) = match self.lines(stream) {
            Ok(Some(found)) => found,
            Ok(None) => return Read::Incomplete,
            Err(refusal) => return Read::Refused(refusal),
        };
        let Some((request_line, fields)) = lines.split_first() else {
            return Read::Refused("no request line");
        };
        let request = match self.request(request_line) {
            Ok(request) => request,
            Err(refusal) => return Read::Refused(refusal),
        };
        let body = self.framing(fields).and_then(|framing| match framing {
            Framing::Chunked => self.chunked(&stream[head..]),
            Framing::Length(length) => {
                Ok(Some(length).filter(|length| *length <= stream.len() - head))
            }
        });
        match body {
            Err(refusal) => Read::Refused(refusal),
            Ok(None) => Read::Incomplete,
            Ok(Some(body)) => Read::Complete(Message {
                request,
                head,
                length: head + body,
            }),
        }
    }

    /// The head; `None` if its end is missing.
    fn lines(&self, stream: &[u8]) -> Result<Option<Head>, &'static str> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut at = 0;
        loop {
            let Some((line, length)) = self.line(&stream[at..])? else {
                return Ok(None);
            };
            at += length;
            if line.is_empty() && lines.is_empty() && self.lines != Lines::Strict {
                continue;
            }
            if line.is_empty() {
                return Ok(Some((lines, at)));
            }
            let continues = matches!(line[0], b' ' | b'\t') && self.names == Names::Folded;
            match lines.last_mut().filter(|_| continues) {
                Some(last) => last.extend_from_slice(line),
                None => lines.push(line.to_vec()),
            }
        }
    }

    /// A line without its end, and its length with it.
    fn line<'a>(&self, stream: &'a [u8]) -> Result<Option<(&'a [u8], usize)>, &'static str> {
        let end = stream.iter().position(|byte| match self.lines {
            Lines::Strict | Lines::CrOrLf => matches!(byte, b'\r' | b'\n'),
            Lines::Lf => *byte == b'\n',
        });
        let Some(end) = end else {
            return Ok(None);
        };
        let line = &stream[..end];
        match (self.lines, stream[end], stream.get(end + 1)) {
            (Lines::Strict, b'\n', _) => Err("bare LF"),
            (Lines::Strict, _, None) => Ok(None),
            (Lines::Strict | Lines::CrOrLf, b'\r', Some(b'\n')) => Ok(Some((line, end + 2))),
            (Lines::Strict, ..) => Err("bare CR"),
            (Lines::Lf, ..) => Ok(Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))),
            (Lines::CrOrLf, ..) => Ok(Some((line, end + 1))),
        }
    }

    fn request(&self, line: &[u8]) -> Result<String, &'static str> {
        let text = String::from_utf8_lossy(line).into_owned();
        let parts: Vec<_> = text.split(' ').collect();
        if self.lines == Lines::Strict {
            return match parts.as_slice() {
                [method, target, "HTTP/1.1" | "HTTP/1.0"]
                    if method.bytes().all(is_token) && !method.is_empty() && !target.is_empty() =>
                {
                    Ok(format!("{method} {target}"))
                }
                _ => Err("malformed request line"),
            };
        }
        let words: Vec<_> = text.split_ascii_whitespace().collect();
        Ok(words.get(..2).unwrap_or(&words).join(" "))
    }

    fn framing(&self, lines: &[Vec<u8>]) -> Result<Framing, &'static str> {
        let (mut lengths, mut codings) = (Vec::new(), Vec::new());
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':');
            let Some((name, value)) = colon.map(|colon| (&line[..colon], &line[colon + 1..]))
            else {
                if self.names == Names::Strict && self.lines == Lines::Strict {
                    return Err("a line without a colon");
                }
                continue;
            };
            let name = self.name(name)?;
            match name.as_str() {
                "content-length" => lengths.push(value.trim_ascii().to_vec()),
                "transfer-encoding" => codings.push(value.to_ascii_lowercase()),
                _ => {}
            }
        }
        let length = self.length(&lengths)?;
        let chunked = self.is_chunked(&codings)?;
        match (chunked, length) {
            (true, Some(_)) if self.codings == Codings::Strict => Err("both framing fields"),
            (true, Some(length)) if self.length_first => Ok(Framing::Length(length)),
            (true, _) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::Length(0)),
        }
    }

    fn name(&self, name: &[u8]) -> Result<String, &'static str> {
        let is_strict = !name.is_empty() && name.iter().copied().all(is_token);
        let text = String::from_utf8_lossy(name).to_ascii_lowercase();
        match self.names {
            Names::Strict if self.lines == Lines::Strict && !is_strict => {
                Err("malformed field name")
            }
            Names::Strict | Names::Folded => Ok(text),
            Names::Trimmed => {
                let trimmed = text.trim_matches(|c: char| c.is_whitespace() || c.is_control());
                Ok(trimmed.replace('_', "-"))
            }
        }
    }

    fn length(&self, values: &[Vec<u8>]) -> Result<Option<usize>, &'static str> {
        let value = match (self.lengths, values) {
            (_, []) => return Ok(None),
            (Lengths::Strict, [only]) if only.iter().all(u8::is_ascii_digit) => only,
            (Lengths::Strict, _) => return Err("malformed or repeated length"),
            (Lengths::First, [first, ..]) => first,
            (Lengths::Last, [.., last]) => last,
        };
        let value = value.strip_prefix(b"+").unwrap_or(value);
        let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
        let digits: String = digits.map(|byte| char::from(*byte)).collect();
        match (digits.parse(), self.lengths) {
            (Ok(length), _) => Ok(Some(length)),
            (Err(_), Lengths::Strict) => Err("malformed length"),
            (Err(_), Lengths::First | Lengths::Last) => Ok(Some(0)),
        }
    }

    fn is_chunked(&self, values: &[Vec<u8>]) -> Result<bool, &'static str> {
        match (self.codings, values) {
            (_, []) => Ok(false),
            (Codings::Strict, [only]) if only.trim_ascii() == b"chunked" => Ok(true),
            (Codings::Strict, _) => Err("other than one chunked coding"),
            (Codings::Containing, all) => Ok(all
                .iter()
                .any(|value| value.windows(7).any(|part| part == b"chunked"))),
            (Codings::Exact, all) => {
                Ok(all == [b"chunked".to_vec()] || all == [b" chunked".to_vec()])
            }
        }
    }

    /// Bytes of a chunked body; `None` if its end is missing.
    fn chunked(&self, stream: &[u8]) -> Result<Option<usize>, &'static str> {
        let lines = match self.chunks {
            Chunks::Strict => STRICT,
            Chunks::Lenient if self.lines == Lines::Strict => LENIENT,
            Chunks::Lenient => *self,
        };
        let mut at = 0;
        loop {
            let Some((line, length)) = lines.line(&stream[at..])? else {
                return Ok(None);
            };
            at += length;
            let size = self.chunk_size(line)?;
            if size == 0 {
                break;
            }
            at = match at.checked_add(size) {
                Some(at) if at <= stream.len() => at,
                _ => return Ok(None),
            };
            match (self.chunks, &stream[at..]) {
                (_, [b'\r', b'\n', ..]) => at += 2,
                (_, [] | [b'\r']) => return Ok(None),
                (Chunks::Strict, _) => return Err("no line end after a chunk"),
                (Chunks::Lenient, [b'\n', ..]) => at += 1,
                (Chunks::Lenient, _) => {}
            }
        }
        loop {
            let Some((line, length)) = lines.line(&stream[at..])? else {
                return Ok(None);
            };
            at += length;
            if line.is_empty() {
                return Ok(Some(at));
            }
        }
    }

    fn chunk_size(&self, line: &[u8]) -> Result<usize, &'static str> {
        let mut line = line.split(|byte| *byte == b';').next().unwrap_or_default();
        if self.chunks == Chunks::Lenient {
            line = line.trim_ascii_start();
            line = line.strip_prefix(b"0x").unwrap_or(line);
            let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
            line = &line[..digits.count()];
        }
        let digits = std::str::from_utf8(line).unwrap_or("?");
        match usize::from_str_radix(digits, 16) {
            Ok(size) if digits.len() <= 16 && !digits.starts_with('+') => Ok(size),
            Ok(_) | Err(_) => Err("malformed chunk size"),
        }
    }
}

/// The lines of a head, and its length.
type Head = (Vec<Vec<u8>>, usize);

enum Framing {
    Chunked,
    Length(usize),
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The reader that sees something else than the strict one, and what; `None` if all agree.
#[must_use]
pub fn dissent(stream: &[u8]) -> Option<String> {
    let [strict, others @ ..] = &READERS;
    let (seen, rest) = strict.all(stream);
    if let Read::Refused(why) = rest {
        return Some(format!("strict: {why}"));
    }
    others.iter().find_map(|other| {
        let (also, rest_too) = other.all(stream);
        let same = also == seen && rest_too == rest;
        (!same).then(|| {
            format!(
                "{}: {also:?} {rest_too:?}, not {seen:?} {rest:?}",
                other.name
            )
        })
    })
}
