/** Shows the document of the server that this page comes from. */

SwaggerUIBundle({
  url: "./openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: -1,
  persistAuthorization: false, // keys are remembered nowhere
  validatorUrl: "none", // or the document's address would go to another host
});
