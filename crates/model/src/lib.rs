//! The model language: parse, check, compile, evaluate; pure.
