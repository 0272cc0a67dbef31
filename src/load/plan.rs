//! What a run needs of the target: tables to create, tables to bring forward, and what its rows look like.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3, `modules/loader/.../db/Migration.scala`. Unlike there, a table that is several
//! versions behind is brought to the newest at once.

use super::LoadError;
use super::config::Kind;
use super::discovery::{Layout, TypeFiles};
use super::rows::{Field, Nulls, RowShape};
use super::target::Target;
use crate::ddl::{
    ColumnType, EVENTS_COLUMNS, LEADING_COLUMNS, Migration, ModelKey, SchemaSource, Schemas, Table, TableOptions,
    fetch_model,
};
use crate::iglu::SchemaKey;

/// The table of atomic events.
pub const EVENTS: &str = "events";

/// What has to be done for one table, and what its rows look like.
#[derive(Clone, Debug, PartialEq)]
pub struct TablePlan {
    /// The table, without schema.
    pub table: String,
    /// Statements before the transaction, each on its own.
    pub before: Vec<String>,
    /// Statements inside the transaction, before rows come.
    pub inside: Vec<String>,
    /// What this database cannot do, in words.
    pub notes: Vec<String>,
    /// What the rows look like.
    pub shape: RowShape,
    /// The columns that the table then has, in order.
    pub columns: Vec<String>,
}

/// Plans the table of atomic events.
pub fn plan_events(target: &mut dyn Target, load_tstamp: bool) -> Result<TablePlan, LoadError> {
    let dialect = target.dialect();
    let mut columns: Vec<String> = target.columns(EVENTS)?.into_iter().map(|column| column.name).collect();
    let mut inside = Vec::new();
    if columns.is_empty() {
        inside = dialect.create_events(target.sql_options());
        columns = EVENTS_COLUMNS.iter().map(|column| column.name.to_owned()).collect();
    }
    if load_tstamp && !columns.iter().any(|name| name == "load_tstamp") {
        let events = dialect.qualified(EVENTS, target.sql_options());
        match target.kind() {
            Kind::Redshift => {
                inside.push(format!("ALTER TABLE {events} ADD COLUMN load_tstamp TIMESTAMP DEFAULT GETDATE() NULL"))
            }
            Kind::Postgres => {
                // A default in ADD COLUMN would also date the rows that are there already.
                inside.push(format!("ALTER TABLE {events} ADD COLUMN load_tstamp TIMESTAMP"));
                inside.push(format!(
                    "ALTER TABLE {events} ALTER COLUMN load_tstamp SET DEFAULT (now() AT TIME ZONE 'UTC')"
                ));
            }
            Kind::Sqlite => inside.push(format!("ALTER TABLE {events} ADD COLUMN load_tstamp TEXT")),
        }
        columns.push("load_tstamp".to_owned());
    }
    let field = |column: &crate::ddl::EventsColumn| Field {
        name: column.name.to_owned(),
        ty: events_type(column.redshift),
        width: None,
        pointers: Vec::new(),
    };
    let fields = EVENTS_COLUMNS.iter().map(field).collect();
    let shape = RowShape { table: EVENTS.to_owned(), fields, json: false, nulls: Nulls::Empty };
    let plan = TablePlan { table: EVENTS.to_owned(), before: Vec::new(), inside, notes: Vec::new(), shape, columns };
    check_columns(&plan)?;
    Ok(plan)
}

fn events_type(text: &str) -> ColumnType {
    let width = || text.split(['(', ')']).nth(1).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    match text.split('(').next().unwrap_or_default() {
        "VARCHAR" => ColumnType::Varchar(width()),
        "CHAR" => ColumnType::Char(width()),
        "TIMESTAMP" => ColumnType::Timestamp,
        "INT" => ColumnType::Int,
        "BOOLEAN" => ColumnType::Boolean,
        "DOUBLE PRECISION" => ColumnType::Double,
        _ => ColumnType::Money,
    }
}

/// Plans the table of a type.
pub fn plan_type(
    target: &mut dyn Target,
    schemas: &dyn SchemaSource,
    files: &TypeFiles,
    layout: Layout,
) -> Result<TablePlan, LoadError> {
    let name = target.dialect().table_name(&files.key);
    let existing: Vec<String> = target.columns(&name)?.into_iter().map(|column| column.name).collect();
    let nulls = if layout == Layout::C { Nulls::Both } else { Nulls::BackslashN };
    if files.json && target.kind() == Kind::Redshift {
        // Position decides, by the JSONPaths file: the table must fit it, as ever.
        if existing.is_empty() {
            let problem = format!(
                "it does not exist, and tables of JSON types are not created; create it with `thresh ddl {} --dialect redshift`",
                files.key.version(crate::iglu::SchemaVer::new(files.key.model, 0, 0))
            );
            return Err(LoadError::Table { table: name, problem });
        }
        let shape = RowShape { table: name.clone(), fields: Vec::new(), json: true, nulls };
        let (before, inside, notes) = (Vec::new(), Vec::new(), Vec::new());
        return Ok(TablePlan { table: name, before, inside, notes, shape, columns: existing });
    }
    let model = fetch_model(schemas, &files.key)?;
    let table = Table::build(&files.key, &model, TableOptions::default())?;
    let fields = fields_of(target, &table);
    let shape = RowShape { table: name.clone(), fields, json: files.json, nulls };
    let mut plan =
        TablePlan { table: name, before: Vec::new(), inside: Vec::new(), notes: Vec::new(), shape, columns: existing };
    if plan.columns.is_empty() {
        plan.inside = target.dialect().create_table(&table, target.sql_options())?;
        plan.columns = plan.shape.fields.iter().map(|field| field.name.clone()).collect();
    } else {
        migrate(target, &files.key, &model, &table, &mut plan)?;
    }
    check_columns(&plan)?;
    Ok(plan)
}

fn fields_of(target: &dyn Target, table: &Table) -> Vec<Field> {
    let leading = LEADING_COLUMNS.iter().map(|(name, ty, _)| Field {
        name: (*name).to_owned(),
        ty: *ty,
        width: None,
        pointers: Vec::new(),
    });
    let columns = table.columns.iter().map(|column| Field {
        name: target.dialect().column_name(&column.name),
        ty: target.sql_options().ty(column),
        width: None,
        pointers: column.pointers.clone(),
    });
    leading.chain(columns).collect()
}

fn migrate(
    target: &mut dyn Target,
    key: &ModelKey,
    model: &Schemas,
    table: &Table,
    plan: &mut TablePlan,
) -> Result<(), LoadError> {
    let wrong = |problem: String| LoadError::Table { table: plan.table.clone(), problem };
    let newest = table.newest();
    let Some(noted) = target.table_version(&plan.table)? else {
        return Err(wrong(format!(
            "it has no comment that says which version it is at; if it was made for the newest, say so with \
             COMMENT ON TABLE … IS '{newest}'"
        )));
    };
    let at = match SchemaKey::parse(&noted) {
        Ok(at) if (at.vendor, at.name, at.version.model) == (&key.vendor, &key.name, key.model) => at.version,
        Ok(_) => return Err(wrong(format!("its comment is '{noted}', another schema than {newest}"))),
        Err(_) => {
            return Err(wrong(format!("its comment is '{noted}', which is no schema URI; it should be '{newest}'")));
        }
    };
    if at == newest.version {
        return Ok(());
    }
    if !table.versions.contains(&at) {
        let known: Vec<String> = table.versions.iter().map(ToString::to_string).collect();
        return Err(wrong(format!(
            "Table's schema key '{noted}' cannot be found in fetched schemas [{}]. Migration cannot be created",
            known.join(", ")
        )));
    }
    let mut migration = Migration::between(key, model, at, newest.version, TableOptions::default())?;
    let dialect = target.dialect();
    // Columns that someone has added by hand are there.
    migration.added.retain(|column| !plan.columns.contains(&dialect.column_name(&column.name)));
    let sql = dialect.migrate(&migration, target.sql_options());
    plan.before = sql.before;
    plan.inside = sql.inside;
    plan.notes = sql.notes;
    plan.columns.extend(migration.added.iter().map(|column| dialect.column_name(&column.name)));
    Ok(())
}

fn check_columns(plan: &TablePlan) -> Result<(), LoadError> {
    let has = |field: &&Field| !plan.columns.iter().any(|name| name.eq_ignore_ascii_case(&field.name));
    let missing: Vec<&str> = plan.shape.fields.iter().filter(has).map(|field| field.name.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let problem = format!("it has no column {}", missing.join(", "));
    Err(LoadError::Table { table: plan.table.clone(), problem })
}
