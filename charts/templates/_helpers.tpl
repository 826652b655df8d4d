{{- /* A name as Kubernetes takes it for a Service: lower case, no dots, a letter first. The argument is text. */ -}}
{{- define "cbbot.sanitized" -}}
{{- $name := regexReplaceAll "[^a-z0-9-]+" (lower (toString .)) "-" | trunc 50 | trimAll "-" -}}
{{- if regexMatch "^[0-9]" $name -}}{{ printf "cbbot-%s" $name | trunc 50 | trimSuffix "-" }}{{- else -}}{{ default "cbbot" $name }}{{- end -}}
{{- end -}}

{{- define "cbbot.name" -}}
{{- default .Chart.Name .Values.nameOverride | toString | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "cbbot.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- include "cbbot.sanitized" .Values.fullnameOverride -}}
{{- else if contains (include "cbbot.name" .) .Release.Name -}}
{{- include "cbbot.sanitized" .Release.Name -}}
{{- else -}}
{{- include "cbbot.sanitized" (printf "%s-%s" .Release.Name (include "cbbot.name" .)) -}}
{{- end -}}
{{- end -}}

{{- define "cbbot.operator" -}}
{{- printf "%s-operator" (include "cbbot.fullname" .) -}}
{{- end -}}

{{- define "cbbot.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "cbbot.operator" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name must be given when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "cbbot.selector" -}}
app.kubernetes.io/name: cbbot-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "cbbot.ownLabels" -}}
{{ include "cbbot.selector" . }}
app.kubernetes.io/part-of: cbbot
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | quote }}
{{- end -}}

{{- /* Of every object; our own win over those that are given. */ -}}
{{- define "cbbot.labels" -}}
{{ toYaml (merge (include "cbbot.ownLabels" . | fromYaml) .Values.commonLabels) }}
{{- end -}}

{{- /* Of one object that has labels of its own, which win over those of every object; a list of the root and them. */ -}}
{{- define "cbbot.labelsWith" -}}
{{- $root := index . 0 -}}
{{ toYaml (merge (include "cbbot.ownLabels" $root | fromYaml) (index . 1) $root.Values.commonLabels) }}
{{- end -}}

{{- /* Text of a value that may have been written as a number, which YAML files give as a float. */ -}}
{{- define "cbbot.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{- /* An image's full name; the argument is a list of the root and a key of .Values.image. */ -}}
{{- define "cbbot.image" -}}
{{- $root := index . 0 -}}
{{- $name := index $root.Values.image (index . 1) -}}
{{- $registry := default $root.Values.image.registry $root.Values.global.imageRegistry -}}
{{- $first := first (splitList "/" $name) -}}
{{- $named := and (contains "/" $name) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{- if and $registry (not $named) -}}{{ trimSuffix "/" $registry }}/{{- end -}}
{{- $name -}}
{{- if not (or (contains "@" $name) (contains ":" (last (splitList "/" $name)))) -}}
{{- $tag := include "cbbot.text" $root.Values.image.tag -}}
:{{ default $root.Chart.AppVersion $tag }}
{{- with index $root.Values.image.digests (index . 1) }}{{ if not $tag }}@{{ . }}{{ end }}{{ end -}}
{{- end -}}
{{- end -}}

{{- /* Names of the registry's Secrets, separated by commas. Some charts write them as maps with a name. */ -}}
{{- define "cbbot.pullSecrets" -}}
{{- $names := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.image.pullSecrets -}}
{{- $names = append $names (kindIs "map" . | ternary (get (kindIs "map" . | ternary . dict) "name") .) -}}
{{- end -}}
{{- $names | uniq | join "," -}}
{{- end -}}

{{- /* Labels as the operator reads them: key=value, separated by commas. */ -}}
{{- define "cbbot.labelList" -}}
{{- $pairs := list -}}
{{- range $key, $value := . }}{{ $pairs = append $pairs (printf "%s=%s" $key $value) }}{{ end -}}
{{- $pairs | join "," -}}
{{- end -}}

{{- /* Seconds of a duration such as 30s or 1m. */ -}}
{{- define "cbbot.seconds" -}}
{{ mul (regexFind "^[0-9]+" . | int) (hasSuffix "m" . | ternary 60 1) }}
{{- end -}}

{{- /* The watched namespaces, separated by commas; * for all. */ -}}
{{- define "cbbot.namespaces" -}}
{{- if eq .Values.scope "cluster" -}}*{{- else -}}
{{- $names := list -}}
{{- range .Values.namespaces }}{{ $names = append $names (include "cbbot.text" .) }}{{ end -}}
{{ default (list .Release.Namespace) $names | join "," }}
{{- end -}}
{{- end -}}

{{- /* Whether Secrets are watched: "true" or "". */ -}}
{{- define "cbbot.watchSecrets" -}}
{{- $told := toString .Values.secrets.watch -}}
{{- if or (eq $told "true") (and (eq $told "auto") (ne .Values.scope "cluster")) -}}true{{- end -}}
{{- end -}}

{{- /* ipFamilyPolicy where the cluster knows it, else nothing. */ -}}
{{- define "cbbot.ipFamilyPolicy" -}}
{{- if semverCompare ">=1.23.0-0" .Capabilities.KubeVersion.Version -}}{{ .Values.service.ipFamilyPolicy }}{{- end -}}
{{- end -}}

{{- /*
Whether to render an object of the Prometheus Operator: "true" or "". The argument is a list of the root and the kind
with its group, such as monitoring.coreos.com/v1/ServiceMonitor.
*/ -}}
{{- define "cbbot.renders" -}}
{{- $root := index . 0 -}}
{{- $kind := index . 1 -}}
{{- if or (eq $root.Values.monitoring.renderMode "alwaysRender") ($root.Capabilities.APIVersions.Has $kind) -}}
true
{{- else if eq $root.Values.monitoring.renderMode "failIfMissing" -}}
{{- fail (printf "the cluster does not know %s: install the Prometheus Operator first, or set monitoring.renderMode to skipIfMissing" $kind) -}}
{{- end -}}
{{- end -}}

{{- /* Who may scrape, as a peer of a network policy. */ -}}
{{- define "cbbot.scrapers" -}}
namespaceSelector: {{ with .Values.monitoring.namespaceSelector }}{{ dict "matchLabels" . | toJson }}{{ else }}{}{{ end }}
{{- with .Values.monitoring.podSelector }}
podSelector: {{ dict "matchLabels" . | toJson }}
{{- end }}
{{- end -}}

{{- /* Rights over what a TradingBot becomes, in every watched namespace. Delete only what is ever pruned. */ -}}
{{- define "cbbot.rules" -}}
- apiGroups: [cbbot.io]
  resources: [tradingbots]
  verbs: [get, list, watch, patch]
- apiGroups: [cbbot.io]
  resources: [tradingbots/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [serviceaccounts, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [configmaps, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch, delete]
{{- if include "cbbot.watchSecrets" . }}
# No right can be for Secrets of one label: whoever may list some may list all.
- apiGroups: [""]
  resources: [secrets]
  verbs: [list, watch]
{{- end }}
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list, watch]
{{- end -}}

{{- /* The Lease must stand in a watched namespace; the release's own where that is one. */ -}}
{{- define "cbbot.leaseNamespace" -}}
{{- $watched := splitList "," (include "cbbot.namespaces" .) -}}
{{- if or (eq .Values.scope "cluster") (has .Release.Namespace $watched) -}}
{{ .Release.Namespace }}
{{- else -}}
{{ first $watched }}
{{- end -}}
{{- end -}}

{{- /* The pod of helm test, which is no operator. */ -}}
{{- define "cbbot.testSelector" -}}
app.kubernetes.io/name: cbbot-test
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}
