// A real OpenID Connect provider (npm: oidc-provider) on loopback, with three people; prints its port.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, redirect] = process.argv.slice(2);
const found = createRequire(folder + "/").resolve("oidc-provider");
const { Provider } = await import(pathToFileURL(found));
const people = {
  ada: { email: "ada@example.org", email_verified: true, name: "Ada" },
  bea: { email: "bea@example.org", email_verified: false, name: "Bea" },
  cleo: { email: "cleo@example.org", email_verified: true, name: "Cleo" },
};
let handler = null;
const server = createServer((request, response) => handler(request, response));
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
      {
        client_id: "querist",
        client_secret: "a secret of the test",
        redirect_uris: [redirect],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  });
  handler = provider.callback();
  console.log(port);
});
