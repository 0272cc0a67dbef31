//! A stand-in for Redshift: a proxy in front of PostgreSQL that understands Redshift's `COPY` from S3, its own words, and
//! what it refuses. Connections, transactions and errors are PostgreSQL's; one backend connection for each client.
//!
//! Behaviour and texts: Amazon Redshift's public documentation (COPY, VACUUM, ALTER TABLE, STL_LOAD_ERRORS). None of it
//! was compared with a live cluster.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use thresh::load::target::OpenOptions;
use thresh::load::{Target, TargetConfig};

use super::postgres::Database;
use super::s3::FakeS3;

mod copy;
mod rewrite;

pub const ROLE: &str = "arn:aws:iam::123456789012:role/Load";

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The n-th `COPY` from now fails.
    FailCopy(usize),
    /// The connection breaks after the n-th `COPY` from now.
    DropAfterCopy(usize),
    /// The connection breaks after the n-th statement from now was carried out; its answer is lost.
    CutAfter(usize),
    /// The connection breaks when the n-th message with rows from now comes.
    CutInRows(usize),
}

pub struct Shared {
    s3: Arc<FakeS3>,
    backend: u16,
    journal: Mutex<Vec<String>>,
    faults: Mutex<Vec<Fault>>,
    copies: AtomicU32,
    admin: Mutex<Box<dyn Target>>,
}

/// The stand-in, in front of a database of its own.
pub struct FakeRedshift {
    shared: Arc<Shared>,
    port: u16,
    database: Database,
}

impl FakeRedshift {
    /// `None` if there is no PostgreSQL here.
    pub fn start(s3: &Arc<FakeS3>) -> Option<FakeRedshift> {
        let database = Database::create()?;
        let mut admin = thresh::load::open(&database.config(), &OpenOptions::default()).unwrap();
        admin
            .execute(
                "CREATE TABLE stl_load_errors (session INT, query INT, starttime TIMESTAMP, filename TEXT, line_number \
                 BIGINT, colname TEXT, err_reason TEXT, raw_line TEXT)",
            )
            .unwrap();
        let shared = Arc::new(Shared {
            s3: Arc::clone(s3),
            backend: database.port,
            journal: Mutex::default(),
            faults: Mutex::default(),
            copies: AtomicU32::new(0),
            admin: Mutex::new(admin),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let for_clients = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&for_clients);
                std::thread::spawn(move || {
                    let _ = Session::serve(client, &shared);
                });
            }
        });
        Some(FakeRedshift { shared, port, database })
    }

    pub fn url(&self) -> String {
        let (port, name) = (self.port, &self.database.name);
        format!("redshift://postgres:p%40ss%20word@127.0.0.1:{port}/{name}?sslmode=prefer&role={ROLE}&region=eu-west-1")
    }

    pub fn config(&self) -> TargetConfig {
        TargetConfig::parse(&self.url()).unwrap()
    }

    /// Every statement since the last call.
    pub fn take_journal(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.journal.lock().unwrap())
    }

    /// A target that takes this for PostgreSQL, which it is but for what Redshift has of its own.
    pub fn as_postgres(&self) -> TargetConfig {
        let (port, name) = (self.port, &self.database.name);
        TargetConfig::parse(&format!("postgres://postgres:p%40ss%20word@127.0.0.1:{port}/{name}")).unwrap()
    }

    pub fn fault(&self, fault: Fault) {
        self.shared.faults.lock().unwrap().push(fault);
    }

    /// Whether a fault is still to come; those left are forgotten.
    pub fn take_faults(&self) -> bool {
        !std::mem::take(&mut *self.shared.faults.lock().unwrap()).is_empty()
    }
}

/// One message of the protocol: its type and body.
struct Message {
    kind: u8,
    body: Vec<u8>,
}

fn read_message(from: &mut TcpStream) -> std::io::Result<Message> {
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
    let mut body = vec![0; length - 4];
    from.read_exact(&mut body)?;
    Ok(Message { kind: head[0], body })
}

fn write_message(to: &mut TcpStream, kind: u8, body: &[u8]) -> std::io::Result<()> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    to.write_all(&bytes)
}

/// A client with its backend connection.
pub struct Session<'s> {
    client: TcpStream,
    backend: TcpStream,
    shared: &'s Shared,
    /// Of the last `ReadyForQuery`: I idle, T in a transaction, E in one that failed.
    status: u8,
    last_copy: u32,
    /// The client hears nothing any more: its connection is about to break.
    muted: bool,
}

/// What a statement came to.
enum Ended {
    Well,
    /// An error was sent to the client.
    InError,
}

impl Session<'_> {
    fn serve(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
        let startup = loop {
            let mut head = [0; 8];
            client.read_exact(&mut head)?;
            let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
            match u32::from_be_bytes(head[4..].try_into().unwrap()) {
                // SSLRequest and GSSENCRequest
                80_877_103 | 80_877_104 => client.write_all(b"N")?,
                _ => {
                    let mut bytes = head.to_vec();
                    bytes.resize(length, 0);
                    client.read_exact(&mut bytes[8..])?;
                    break bytes;
                }
            }
        };
        let mut backend = TcpStream::connect(("127.0.0.1", shared.backend))?;
        backend.write_all(&startup)?;
        let mut session = Session { client, backend, shared, status: b'I', last_copy: 0, muted: false };
        session.authenticate()?;
        let mut waits_for_rows = false;
        loop {
            let message = read_message(&mut session.client)?;
            match message.kind {
                b'Q' => session.query(&message.body)?,
                b'X' => return write_message(&mut session.backend, b'X', &[]),
                // Prepared statements and rows are PostgreSQL's own business; COPY from S3 cannot be one.
                kind => {
                    if kind == b'P' {
                        let text = message.body.split(|byte| *byte == 0).nth(1).unwrap_or_default();
                        session.meet(&String::from_utf8_lossy(text));
                        // What is to be lost is the answer to the rows, not that to the preparations.
                        waits_for_rows = std::mem::take(&mut session.muted);
                    }
                    if kind == b'c' {
                        session.muted = std::mem::take(&mut waits_for_rows);
                    }
                    if kind == b'd' {
                        session.shared.cut_in_rows()?;
                    }
                    write_message(&mut session.backend, kind, &message.body)?;
                    if kind == b'S' {
                        session.pass_answers(true)?;
                    }
                }
            }
        }
    }

    /// To the client, if it still listens.
    fn tell(&mut self, kind: u8, body: &[u8]) -> std::io::Result<()> {
        if self.muted { Ok(()) } else { write_message(&mut self.client, kind, body) }
    }

    fn authenticate(&mut self) -> std::io::Result<()> {
        loop {
            let message = read_message(&mut self.backend)?;
            write_message(&mut self.client, message.kind, &message.body)?;
            match message.kind {
                b'R' if !matches!(message.body[3], 0 | 12) => {
                    let answer = read_message(&mut self.client)?;
                    write_message(&mut self.backend, answer.kind, &answer.body)?;
                }
                b'Z' => return Ok(()),
                _ => {}
            }
        }
    }

    /// Passes the backend's messages on until it is ready again, or waits for rows.
    fn pass_answers(&mut self, with_ready: bool) -> std::io::Result<Ended> {
        let mut ended = Ended::Well;
        loop {
            let message = read_message(&mut self.backend)?;
            if message.kind == b'E' {
                ended = Ended::InError;
            }
            if message.kind == b'Z' {
                self.status = message.body[0];
                if with_ready {
                    self.tell(b'Z', &message.body)?;
                }
                return if self.muted { Err(broken()) } else { Ok(ended) };
            }
            self.tell(message.kind, &message.body)?;
            if message.kind == b'G' {
                return Ok(ended);
            }
        }
    }

    fn query(&mut self, body: &[u8]) -> std::io::Result<()> {
        let text = String::from_utf8_lossy(body.strip_suffix(b"\0").unwrap_or(body)).into_owned();
        let statements = rewrite::split(&text);
        for statement in &statements {
            self.meet(statement);
            if matches!(self.statement(statement)?, Ended::InError) {
                break;
            }
        }
        if statements.is_empty() {
            self.tell(b'I', &[])?;
        }
        if self.muted {
            return Err(broken());
        }
        let status = [self.status];
        self.tell(b'Z', &status)
    }

    /// Notes a statement, and meets the fault that is meant for it.
    fn meet(&mut self, statement: &str) {
        self.shared.journal.lock().unwrap().push(statement.to_owned());
        let mut mute = false;
        self.shared.faults.lock().unwrap().retain_mut(|fault| match fault {
            Fault::CutAfter(0) => {
                mute = true;
                false
            }
            Fault::CutAfter(left) => {
                *left -= 1;
                true
            }
            _ => true,
        });
        self.muted |= mute;
    }

    fn statement(&mut self, statement: &str) -> std::io::Result<Ended> {
        let upper = statement.to_ascii_uppercase();
        if upper.starts_with("COPY ") && upper.contains(" FROM 'S3:") {
            return self.copy(statement);
        }
        if let Some(refusal) = rewrite::refusal(&upper, self.status != b'I') {
            return self.fail(&refusal);
        }
        let sql = rewrite::rewrite(statement).replace("pg_last_copy_id()", &self.last_copy.to_string());
        self.forward(&sql)?;
        self.pass_answers(false)
    }

    fn forward(&mut self, sql: &str) -> std::io::Result<()> {
        let mut body = sql.as_bytes().to_vec();
        body.push(0);
        write_message(&mut self.backend, b'Q', &body)
    }

    /// An error in Redshift's words that fails the backend's transaction too.
    fn fail(&mut self, message: &str) -> std::io::Result<Ended> {
        let text = message.replace('\'', "''");
        self.forward(&format!("DO $double$ BEGIN RAISE EXCEPTION USING MESSAGE = '{text}'; END $double$"))?;
        self.pass_answers(false)
    }

    /// Rows of a query of the stand-in's own; the client sees nothing of it.
    fn ask(&mut self, sql: &str) -> std::io::Result<Vec<Vec<Option<String>>>> {
        self.forward(sql)?;
        let mut rows = Vec::new();
        loop {
            let message = read_message(&mut self.backend)?;
            match message.kind {
                b'Z' => {
                    self.status = message.body[0];
                    return Ok(rows);
                }
                b'D' => rows.push(data_row(&message.body)),
                _ => {}
            }
        }
    }

    /// Counts a COPY, and tells which faults it meets: it fails, or the connection breaks after it.
    fn copy_faults(&self) -> (bool, bool) {
        let (mut fails, mut drops) = (false, false);
        self.shared.faults.lock().unwrap().retain_mut(|fault| match fault {
            Fault::FailCopy(0) => {
                fails = true;
                false
            }
            Fault::DropAfterCopy(0) => {
                drops = true;
                false
            }
            Fault::FailCopy(left) | Fault::DropAfterCopy(left) => {
                *left -= 1;
                true
            }
            _ => true,
        });
        (fails, drops)
    }

    fn next_copy(&mut self) -> u32 {
        self.last_copy = self.shared.copies.fetch_add(1, Ordering::Relaxed) + 1;
        self.last_copy
    }
}

fn broken() -> std::io::Error {
    std::io::ErrorKind::ConnectionAborted.into()
}

impl Shared {
    fn cut_in_rows(&self) -> std::io::Result<()> {
        let mut cut = false;
        self.faults.lock().unwrap().retain_mut(|fault| match fault {
            Fault::CutInRows(0) => {
                cut = true;
                false
            }
            Fault::CutInRows(left) => {
                *left -= 1;
                true
            }
            _ => true,
        });
        if cut { Err(broken()) } else { Ok(()) }
    }
}

fn data_row(body: &[u8]) -> Vec<Option<String>> {
    let count = u16::from_be_bytes(body[..2].try_into().unwrap());
    let mut rest = &body[2..];
    let mut row = Vec::new();
    for _ in 0..count {
        let length = i32::from_be_bytes(rest[..4].try_into().unwrap());
        rest = &rest[4..];
        if length < 0 {
            row.push(None);
            continue;
        }
        let (value, tail) = rest.split_at(length as usize);
        row.push(Some(String::from_utf8_lossy(value).into_owned()));
        rest = tail;
    }
    row
}
