"""Who is asking: from the credential in a request to an `Identity`.

Rules without I/O: `identity` (claims, policy, renewal), `token_format`, `token_keys` and
`credentials`.
With it: `jwks` (fetches keys), `authenticator` (joins all), `sign_in` (bounds strangers, asks the
store what was revoked), `dev_tokens` (mints on a developer's machine).
"""
