//! `COPY … FROM 's3://…'`.

use std::collections::HashMap;
use std::io::Read;

use serde_json::Value;
use thresh::load::Target;

use super::{Ended, ROLE, Session, write_message};
use crate::support::s3::BUCKET;

/// A `COPY` taken apart.
#[derive(Debug, Default)]
struct Copy {
    table: String,
    columns: Vec<String>,
    path: String,
    texts: HashMap<&'static str, String>,
    flags: Vec<&'static str>,
    max_error: usize,
}

const FLAGS: [&str; 6] = ["EMPTYASNULL", "FILLRECORD", "TRUNCATECOLUMNS", "ACCEPTINVCHARS", "GZIP", "MANIFEST"];

fn tokens(statement: &str) -> Vec<String> {
    let pattern = regex::Regex::new(r#"'(?:[^']|'')*'|\([^)]*\)|[^\s()']+"#).unwrap();
    pattern.find_iter(statement).map(|found| found.as_str().to_owned()).collect()
}

impl Copy {
    fn parse(statement: &str) -> Result<Copy, String> {
        let all = tokens(statement);
        let mut rest = all.iter().skip(1).map(String::as_str).peekable();
        let unquoted = |text: Option<&str>| {
            let text = text.unwrap_or_default();
            let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            inner.map(|text| text.replace("''", "'")).ok_or_else(|| format!("syntax error at or near \"{text}\""))
        };
        let mut copy = Copy { table: rest.next().unwrap_or_default().to_owned(), ..Copy::default() };
        if let Some(list) = rest.next_if(|token| token.starts_with('(')) {
            let names = list.trim_matches(['(', ')']).split(", ");
            copy.columns = names.map(|name| name.trim_matches('"').to_owned()).collect();
        }
        rest.next_if(|token| token.eq_ignore_ascii_case("FROM")).ok_or("syntax error: FROM expected")?;
        copy.path = unquoted(rest.next())?;
        while let Some(option) = rest.next() {
            if let Some(flag) = FLAGS.iter().find(|flag| **flag == option) {
                copy.flags.push(flag);
                continue;
            }
            let name = ["CREDENTIALS", "REGION", "DELIMITER", "TIMEFORMAT", "JSON", "MAXERROR"]
                .into_iter()
                .find(|name| *name == option)
                .ok_or_else(|| format!("syntax error at or near \"{option}\""))?;
            rest.next_if(|token| *token == "AS");
            if name == "MAXERROR" {
                let number = rest.next().unwrap_or_default();
                copy.max_error = number.parse().map_err(|_| format!("syntax error at or near \"{number}\""))?;
            } else {
                let text = unquoted(rest.next())?;
                copy.texts.insert(name, text);
            }
        }
        Ok(copy)
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }
}

struct Column {
    name: String,
    ty: String,
}

struct BadRow {
    file: String,
    line: usize,
    column: String,
    reason: String,
    raw: String,
}

impl Session<'_> {
    pub(super) fn copy(&mut self, statement: &str) -> std::io::Result<Ended> {
        let copy = match Copy::parse(statement) {
            Ok(copy) => copy,
            Err(message) => return self.fail(&message),
        };
        let query = self.next_copy();
        let (fails, drops) = self.copy_faults();
        if fails {
            return self.fail("S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown");
        }
        if copy.texts.get("CREDENTIALS") != Some(&format!("aws_iam_role={ROLE}")) {
            return self.fail("User arn:aws:redshift:x is not authorized to assume IAM Role");
        }
        if !copy.texts.contains_key("REGION") {
            return self.fail("S3ServiceException:The bucket is in another region");
        }
        let files = match self.files(&copy) {
            Ok(files) => files,
            Err(message) => return self.fail(&message),
        };
        let columns = self.columns_of(&copy)?;
        if columns.is_empty() {
            return self.fail(&format!("Cannot COPY into nonexistent table {}", copy.table));
        }
        let paths = match copy.texts.get("JSON").map(|file| self.json_paths(file)).transpose() {
            Ok(paths) => paths,
            Err(message) => return self.fail(&message),
        };
        let mut rows = Vec::new();
        let mut bad = Vec::new();
        for (file, content) in &files {
            for (index, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let fields = match &paths {
                    Some(paths) => json_fields(line, paths),
                    None => tsv_fields(line, &copy, columns.len()),
                };
                match fields.and_then(|fields| convert(&fields, &copy, &columns)) {
                    Ok(row) => rows.push(row),
                    Err((column, reason)) => bad.push(BadRow {
                        file: format!("s3://{BUCKET}/{file}"),
                        line: index + 1,
                        column,
                        reason,
                        raw: String::from_utf8_lossy(line).chars().take(1024).collect(),
                    }),
                }
            }
        }
        self.record(query, &bad)?;
        let short = copy.table.rsplit('.').next().unwrap_or_default().to_owned();
        if bad.len() >= copy.max_error.max(1) {
            return self.fail(&format!(
                "Load into table '{short}' failed.  Check 'stl_load_errors' system table for details."
            ));
        }
        let ended = self.send_rows(&copy, &columns, &rows, &short)?;
        if drops {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        Ok(ended)
    }

    /// The files below a prefix, or those of a list; decompressed if asked to.
    fn files(&self, copy: &Copy) -> Result<Vec<(String, Vec<u8>)>, String> {
        let key = |path: &str| path.strip_prefix(&format!("s3://{BUCKET}/")).map(str::to_owned);
        let prefix = key(&copy.path).ok_or_else(|| format!("S3ServiceException:Access Denied: {}", copy.path))?;
        let mut found = Vec::new();
        if copy.has("MANIFEST") {
            let text = self.shared.s3.content(&prefix);
            let text = text.ok_or_else(|| format!("The specified S3 prefix '{prefix}' does not exist"))?;
            let list: Value = serde_json::from_slice(&text).map_err(|_| "Problem reading manifest file".to_owned())?;
            for entry in list["entries"].as_array().into_iter().flatten() {
                let name = key(entry["url"].as_str().unwrap_or_default()).ok_or("Problem reading manifest file")?;
                let content = self.shared.s3.content(&name);
                found.push((name.clone(), content.ok_or_else(|| format!("The specified key does not exist: {name}"))?));
            }
        } else {
            let state = self.shared.s3.state();
            let below = state.objects.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
            found.extend(below.map(|(name, stored)| (name.clone(), stored.bytes.to_vec())));
        }
        if found.is_empty() {
            return Err(format!("The specified S3 prefix '{prefix}' does not exist"));
        }
        if copy.has("GZIP") {
            for (name, content) in &mut found {
                let mut plain = Vec::new();
                flate2::read::MultiGzDecoder::new(content.as_slice())
                    .read_to_end(&mut plain)
                    .map_err(|_| format!("File '{name}' is not gzipped"))?;
                *content = plain;
            }
        }
        Ok(found)
    }

    fn columns_of(&mut self, copy: &Copy) -> std::io::Result<Vec<Column>> {
        let rows = self.ask(&format!(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass('{}') AND \
             attnum > 0 AND NOT attisdropped ORDER BY attnum",
            copy.table
        ))?;
        let all: Vec<Column> = rows
            .into_iter()
            .map(|mut row| Column { ty: row.pop().flatten().unwrap(), name: row.pop().flatten().unwrap() })
            .collect();
        if copy.columns.is_empty() {
            return Ok(all);
        }
        let mut all: Vec<Option<Column>> = all.into_iter().map(Some).collect();
        let take = |name: &String| {
            let found = all.iter_mut().find(|column| column.as_ref().is_some_and(|column| column.name == *name));
            found.and_then(Option::take)
        };
        Ok(copy.columns.iter().map(take).collect::<Option<Vec<Column>>>().unwrap_or_default())
    }

    fn json_paths(&self, file: &str) -> Result<Vec<String>, String> {
        let key = file.strip_prefix(&format!("s3://{BUCKET}/")).unwrap_or_default();
        let text = self.shared.s3.content(key).ok_or_else(|| format!("Invalid JSONPath file: {file}"))?;
        let json: Value = serde_json::from_slice(&text).map_err(|error| format!("Invalid JSONPath format: {error}"))?;
        let list = json["jsonpaths"].as_array().ok_or("Invalid JSONPath format")?;
        Ok(list.iter().map(|path| path.as_str().unwrap_or_default().trim_start_matches("$.").to_owned()).collect())
    }

    fn record(&mut self, query: u32, bad: &[BadRow]) -> std::io::Result<()> {
        if bad.is_empty() {
            return Ok(());
        }
        let pid = self.ask("SELECT pg_backend_pid()")?.remove(0).remove(0).unwrap();
        let text = |text: &str| format!("'{}'", text.replace('\'', "''").replace('\0', ""));
        let mut admin = self.shared.admin.lock().unwrap();
        for row in bad {
            let values = [text(&row.file), row.line.to_string(), text(&row.column), text(&row.reason), text(&row.raw)];
            let sql = format!(
                "INSERT INTO stl_load_errors VALUES ({pid}, {query}, now() at time zone 'utc', {})",
                values.join(", ")
            );
            Target::execute(&mut **admin, &sql).unwrap();
        }
        Ok(())
    }

    fn send_rows(&mut self, copy: &Copy, columns: &[Column], rows: &[String], short: &str) -> std::io::Result<Ended> {
        let names: Vec<String> =
            columns.iter().map(|column| format!("\"{}\"", column.name.replace('"', "\"\""))).collect();
        self.forward(&format!("COPY {} ({}) FROM STDIN", copy.table, names.join(", ")))?;
        let answer = super::read_message(&mut self.backend)?;
        if answer.kind != b'G' {
            self.tell(answer.kind, &answer.body)?;
            self.pass_answers(false)?;
            return Ok(Ended::InError);
        }
        write_message(&mut self.backend, b'd', rows.concat().as_bytes())?;
        write_message(&mut self.backend, b'c', &[])?;
        loop {
            let message = super::read_message(&mut self.backend)?;
            match message.kind {
                b'C' => {
                    let text =
                        format!("Load into table '{short}' completed, {} record(s) loaded successfully.", rows.len());
                    self.tell(b'N', format!("SINFO\0C00000\0M{text}\0\0").as_bytes())?;
                    self.tell(b'C', b"COPY\0")?;
                }
                b'Z' => {
                    self.status = message.body[0];
                    return Ok(if self.status == b'E' { Ended::InError } else { Ended::Well });
                }
                kind => self.tell(kind, &message.body)?,
            }
        }
    }
}

type Fields = Vec<Option<Vec<u8>>>;
type Wrong = (String, String);

fn tsv_fields(line: &[u8], copy: &Copy, width: usize) -> Result<Fields, Wrong> {
    let delimiter = copy.texts.get("DELIMITER").map_or(b'|', |text| text.as_bytes()[0]);
    let mut fields: Fields =
        line.split(|byte| *byte == delimiter).map(|field| (field != b"\\N").then(|| field.to_vec())).collect();
    if fields.len() > width {
        return Err((String::new(), "Extra column(s) found".to_owned()));
    }
    if fields.len() < width {
        if !copy.has("FILLRECORD") {
            return Err((String::new(), "Delimiter not found".to_owned()));
        }
        fields.resize(width, None);
    }
    Ok(fields)
}

fn json_fields(line: &[u8], paths: &[String]) -> Result<Fields, Wrong> {
    let row: Value = serde_json::from_slice(line).map_err(|_| (String::new(), "Invalid value".to_owned()))?;
    let value = |path: &String| {
        let found = path.split('.').try_fold(&row, |value, name| value.get(name))?;
        match found {
            Value::Null => None,
            Value::String(text) => Some(text.clone().into_bytes()),
            other => Some(other.to_string().into_bytes()),
        }
    };
    Ok(paths.iter().map(value).collect())
}

fn convert(fields: &Fields, copy: &Copy, columns: &[Column]) -> Result<String, Wrong> {
    let mut row = String::new();
    for (field, column) in fields.iter().zip(columns) {
        let wrong = |reason: &str| (column.name.clone(), reason.to_owned());
        if !row.is_empty() {
            row.push('\t');
        }
        let is_text = column.ty.starts_with("character") || column.ty == "text";
        let Some(bytes) = field.as_ref().filter(|bytes| !bytes.is_empty() || is_text && !copy.has("EMPTYASNULL"))
        else {
            row.push_str("\\N");
            continue;
        };
        let mut text = String::new();
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            if !chunk.invalid().is_empty() && !copy.has("ACCEPTINVCHARS") {
                return Err(wrong("String contains invalid or unsupported UTF8 codepoints"));
            }
            text.extend(std::iter::repeat_n('?', chunk.invalid().len()));
        }
        let text = checked(&text.replace('\0', ""), column, copy).map_err(wrong)?;
        for c in text.chars() {
            match c {
                '\\' => row.push_str("\\\\"),
                '\t' => row.push_str("\\t"),
                '\n' => row.push_str("\\n"),
                '\r' => row.push_str("\\r"),
                other => row.push(other),
            }
        }
    }
    row.push('\n');
    Ok(row)
}

/// The value as the column takes it; texts are measured in bytes.
fn checked(text: &str, column: &Column, copy: &Copy) -> Result<String, &'static str> {
    let width = column.ty.split(['(', ')']).nth(1).and_then(|width| width.parse::<usize>().ok());
    match column.ty.split('(').next().unwrap_or_default() {
        "character varying" | "character" => {
            let width = width.unwrap_or(usize::MAX);
            if text.len() <= width {
                return Ok(text.to_owned());
            }
            if !copy.has("TRUNCATECOLUMNS") {
                return Err("String length exceeds DDL length");
            }
            let mut end = width;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            Ok(text[..end].to_owned())
        }
        "integer" | "bigint" | "smallint" => {
            text.parse::<i64>().map(|_| text.to_owned()).map_err(|_| "Invalid digit, Value 'x', Pos 0, Type: Integer")
        }
        "double precision" => text.parse::<f64>().map(|_| text.to_owned()).map_err(|_| "Invalid digit"),
        "numeric" => {
            let number: f64 = text.parse().map_err(|_| "Invalid digit")?;
            // COPY cuts further decimals unless ROUNDEC says otherwise.
            let scale = if column.ty.contains(",2)") { 2 } else { 0 };
            let plain = if text.contains(['e', 'E']) { format!("{number}") } else { text.to_owned() };
            Ok(match plain.find('.') {
                Some(point) => plain[..plain.len().min(point + 1 + scale)].trim_end_matches('.').to_owned(),
                None => plain,
            })
        }
        "boolean" => match text {
            "1" | "0" | "t" | "f" | "true" | "false" => Ok(text.to_owned()),
            _ => Err("Unknown boolean format"),
        },
        "timestamp without time zone" => {
            if let Ok(instant) = text.parse::<jiff::Timestamp>() {
                return Ok(instant.to_string().replace(['T'], " ").replace('Z', ""));
            }
            let civil = text.replacen(' ', "T", 1).parse::<jiff::civil::DateTime>();
            civil.map(|_| text.to_owned()).map_err(|_| "Invalid timestamp format or value [auto]")
        }
        _ => Ok(text.to_owned()),
    }
}
