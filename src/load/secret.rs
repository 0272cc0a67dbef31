//! Passwords: where they come from, and how they stay out of sight.

use std::fmt;
use std::process::{Command, Stdio};

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for those who need it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// It stands in the configuration.
    Plain(Secret),
    /// It is a parameter of the AWS Systems Manager Parameter Store.
    ParameterStore(String),
    /// There is none, or it is in the environment.
    None,
}

/// Variables that win over what a configuration says.
pub const PASSWORD_VARIABLES: [&str; 2] = ["THRESH_TARGET_PASSWORD", "PGPASSWORD"];

impl SecretSource {
    /// The secret: from the environment if one of `variables` is set there, else as configured.
    pub fn resolve(&self, variables: &[&str]) -> Result<Option<Secret>, String> {
        for variable in variables {
            if let Ok(text) = std::env::var(variable)
                && !text.is_empty()
            {
                return Ok(Some(Secret::new(text)));
            }
        }
        match self {
            SecretSource::Plain(secret) => Ok(Some(secret.clone())),
            SecretSource::ParameterStore(name) => from_parameter_store(name).map(Some),
            SecretSource::None => Ok(None),
        }
    }
}

/// Asks the AWS command line: one parameter a load is not worth a client library of its own.
fn from_parameter_store(name: &str) -> Result<Secret, String> {
    let mut command = Command::new("aws");
    command.args(["ssm", "get-parameter", "--with-decryption", "--query", "Parameter.Value", "--output", "text"]);
    command.args(["--name", name]).stdin(Stdio::null());
    let output = command.output().map_err(|error| {
        format!(
            "the parameter {name} cannot be read: the AWS command line (`aws`) does not run: {error}; install it, or set {}",
            PASSWORD_VARIABLES[0]
        )
    })?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the parameter {name} cannot be read: {}", message.trim()));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| format!("the parameter {name} is no text"))?;
    Ok(Secret::new(text.trim_end_matches(['\n', '\r'])))
}

/// Replaces every occurrence of the secrets in a text.
pub fn mask(text: &str, secrets: &[Secret]) -> String {
    let mut masked = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.0.is_empty()) {
        masked = masked.replace(&secret.0, "***");
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_hidden() {
        let secret = Secret::new("hunter2!");
        assert_eq!(format!("{:?}", SecretSource::Plain(secret.clone())), "Plain(***)");
        assert_eq!(mask("a hunter2! b", &[secret, Secret::new("")]), "a *** b");
    }
}
